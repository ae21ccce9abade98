/** Run list: the runs of a job, newest first, each with its log under it.
 *  In: rows. Out: a table that is walked through with `j` and `k`; `o` opens the log of one. What goes on is open from the start. */
import { Fragment } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { pathOf } from '../address.ts'
import { useNow } from '../clock.ts'
import { useKeys } from '../keys.ts'
import type { Run } from '../shapes.ts'
import { runStatusOf } from '../words/status.ts'
import { exactly, lengthWords, signed, whenOf } from '../words/time.ts'
import { Button, Key, Link } from './controls.tsx'
import { Mark } from './mark.tsx'
import { RunLog } from './run-log.tsx'

interface RunListProps {
  readonly runs: readonly Run[]
  readonly older: boolean
  readonly loading: boolean
  readonly more: () => void
  /** Undefined: not allowed. */
  readonly cancel: ((run: Run) => void) | undefined
}

export function RunList({ runs, older, loading, more, cancel }: RunListProps) {
  const [cursor, setCursor] = useState<string | undefined>(undefined)
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const going = runs.find(({ status }) => status === 'started')?._id
  useEffect(() => {
    if (going !== undefined) setOpen(before => new Set([...before, going]))
  }, [going])
  const toggle = (id: string) =>
    setOpen(before => {
      const next = new Set(before)
      if (!next.delete(id)) next.add(id)
      return next
    })
  const step = (by: number) => () => {
    const from = runs.findIndex(({ _id }) => _id === cursor)
    const to = runs[Math.min(runs.length - 1, Math.max(0, from + by))]
    setCursor(to?._id)
    requestAnimationFrame(() => document.querySelector('.runs tr.cursor')?.scrollIntoView({ block: 'nearest' }))
  }
  useKeys('Runs', [
    { key: 'j', does: 'next run', run: step(1) },
    { key: 'k', does: 'run before', run: step(-1) },
    { key: 'o', does: 'open or close its log', run: () => cursor !== undefined && toggle(cursor) },
  ])
  return (
    <section class="panel runs" aria-labelledby="runs-head">
      <header class="panel-head">
        <h2 id="runs-head">Runs</h2>
        <span class="grow" />
        <span class="hints" aria-hidden="true">
          <Key>j k</Key> run <Key>o</Key> open log
        </span>
      </header>
      <table>
        <thead>
          <tr>
            <th scope="col" class="c-outcome">
              Outcome
            </th>
            <th scope="col" class="c-due">
              Due
            </th>
            <th scope="col" class="c-about">
              <span class="unseen">About</span>
            </th>
            <th scope="col" class="right c-late">
              late
            </th>
            <th scope="col" class="right c-took">
              took
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map(run => (
            <Fragment key={run._id}>
              <RunRow run={run} cursor={run._id === cursor} open={open.has(run._id)} toggle={() => toggle(run._id)} />
              {open.has(run._id) && (
                <tr class="opened">
                  <td colSpan={5}>
                    <RunLog id={run._id} status={run.status} />
                    <p class="run-foot label">
                      <Link to={pathOf('runs', run._id)}>Open this run</Link>
                      {run.status === 'started' && cancel !== undefined && (
                        <Button kind="link" does={() => cancel(run)}>
                          Cancel it
                        </Button>
                      )}
                    </p>
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
      {runs.length === 0 && !loading && (
        <p class="panel-foot support">No run yet, or its history has passed its time.</p>
      )}
      {(older || loading) && (
        <p class="panel-foot">
          <Button does={more} disabled={loading}>
            {loading ? 'Reading…' : 'Older runs'}
          </Button>
        </p>
      )}
    </section>
  )
}

interface RunRowProps {
  readonly run: Run
  readonly cursor: boolean
  readonly open: boolean
  readonly toggle: () => void
}

function RunRow({ run, cursor, open, toggle }: RunRowProps) {
  const now = useNow()
  const status = runStatusOf(run.status)
  const took =
    run.duration ?? (run.status === 'started' && run.started ? Math.max(0, now - Date.parse(run.started)) : undefined)
  return (
    <tr class={cursor ? 'cursor' : undefined}>
      <td class="c-outcome">
        <button type="button" class="row-button" aria-expanded={open} onClick={toggle}>
          <Mark status={status} />
          {status.word}
        </button>
      </td>
      <td class="c-due">
        <time dateTime={run.run_time} title={exactly(run.run_time)}>
          {whenOf(run.run_time, now)}
        </time>
      </td>
      <td class="c-about clip support" title={aboutOf(run)}>
        <span class={run.exception ? 'bad mono' : undefined}>{aboutOf(run)}</span>
      </td>
      <td class="right c-late support">{typeof run.late === 'number' && signed(run.late)}</td>
      <td class={`right c-took ${run.status === 'started' ? 'now' : ''}`}>{took !== undefined && lengthWords(took)}</td>
    </tr>
  )
}

function aboutOf(run: Run): string {
  const parts = [
    run.exception ?? '',
    run.scheduled === false ? 'ordered, beside the schedule' : '',
    (run.attempt ?? 1) > 1 ? `attempt ${run.attempt}` : '',
    (run.coalesced ?? 1) > 1 ? `${run.coalesced} due times became one` : '',
  ]
  return parts.filter(part => part !== '').join(', ')
}
