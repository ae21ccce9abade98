/** Run: one run by its own address: what came of it, when, where, and all that it said. */
import { useState } from 'preact/hooks'
import { go, pathOf } from '../address.ts'
import { at, post, wordsOf } from '../api.ts'
import { useNow } from '../clock.ts'
import { useKeys } from '../keys.ts'
import { Button, Link } from '../parts/controls.tsx'
import { Mark } from '../parts/mark.tsx'
import { RunWords, useRun } from '../parts/run-log.tsx'
import type { Run } from '../shapes.ts'
import { useRights } from '../store/me.ts'
import { copy, say } from '../store/said.ts'
import { listPath } from '../store/search.ts'
import { runStatusOf } from '../words/status.ts'
import { exactly, lengthWords, signed } from '../words/time.ts'

export function RunView({ id }: { readonly id: string }) {
  const { run, error } = useRun(id)
  useKeys('Run', [
    { key: 'Escape', does: 'to its job', run: () => go(run === undefined ? '/jobs' : pathOf('jobs', run.job_id)) },
    { key: 'y', does: 'copy its id', run: () => void copy(id) },
  ])
  if (run === undefined) {
    return (
      <main class="job-view">
        <section class="empty">
          <h1>{error === undefined ? 'Reading…' : `There is no run ${id}.`}</h1>
          {error !== undefined && <p class="support">{error}</p>}
        </section>
      </main>
    )
  }
  return <Found run={run} />
}

function Found({ run }: { readonly run: Run }) {
  const now = useNow()
  const { operate } = useRights()
  const [asked, setAsked] = useState(false)
  const status = runStatusOf(run.status)
  const cancel = async () => {
    try {
      await post(`${at('runs', run._id)}/cancel`)
      setAsked(true)
      say('Asked to cancel. The node aborts the run and writes its row.')
    } catch (error) {
      say(`Cancel: ${wordsOf(error)}`, { failed: true })
    }
  }
  const facts: readonly (readonly [string, preact.ComponentChild])[] = [
    ['due', exactly(run.run_time)],
    ['caused by', run.scheduled === false ? 'a person, beside the schedule' : 'its trigger'],
    ['started', run.started ? exactly(run.started) : 'it did not start'],
    ['late', typeof run.late === 'number' ? signed(run.late) : '–'],
    ['ended', run.finished ? exactly(run.finished) : '–'],
    [
      'took',
      typeof run.duration === 'number'
        ? lengthWords(run.duration)
        : run.status === 'started' && run.started
          ? `${lengthWords(Math.max(0, now - Date.parse(run.started)))} so far`
          : '–',
    ],
    ['attempt', String(run.attempt ?? 1)],
    ...((run.coalesced ?? 1) > 1 ? [['stands for', `${run.coalesced} due times`] as const] : []),
    ['node', run.ip ? <Link to={listPath({ ip: run.ip })}>{run.ip}</Link> : '–'],
    ['function', <code key="func">{run.func ?? '–'}</code>],
    ['run id', <code key="id">{run._id}</code>],
  ]
  return (
    <main class="job-view">
      <header class="job-top">
        <p class="crumbs">
          <Link to="/jobs">Jobs</Link> / <Link to={pathOf('jobs', run.job_id)}>{run.job_id}</Link>
          <span class="mono clip"> / {run._id}</span>
        </p>
        <h1>
          <Mark status={status} />
          <span>{run.job_id}</span>
          <span class={`status ${status.colour}`}>{status.word}</span>
        </h1>
        <div class="actions">
          {run.status === 'started' && operate && (
            <Button does={() => void cancel()} disabled={asked}>
              Cancel run
            </Button>
          )}
          <Button does={() => go(pathOf('jobs', run.job_id))} shortcut="Escape">
            To its job
          </Button>
        </div>
      </header>
      <div class="job-columns">
        <section class="panel" aria-labelledby="said-head">
          <header class="panel-head">
            <h2 id="said-head">What it said</h2>
            <span class="label">the last 200 lines, 64 KiB at most</span>
          </header>
          <RunWords run={run} />
        </section>
        <section class="panel" aria-labelledby="facts-head">
          <header class="panel-head">
            <h2 id="facts-head">What it was</h2>
          </header>
          <dl class="facts">
            {facts.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      </div>
    </main>
  )
}
