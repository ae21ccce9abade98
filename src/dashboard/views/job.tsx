/** Job: one job: words first; on the left what happened, on the right what will.
 *  In: an id. Out: its schedule in words, history, runs with their logs, next runs, definition; and what can be done with it.
 *  It follows the document: what somebody does elsewhere is seen here. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { go, pathOf } from '../address.ts'
import { at, get, post, wordsOf } from '../api.ts'
import { useCell } from '../cell.ts'
import { useNow } from '../clock.ts'
import { useKeys } from '../keys.ts'
import { Button, Key, Link } from '../parts/controls.tsx'
import { Definition } from '../parts/definition.tsx'
import { FlowState } from '../parts/flow-state.tsx'
import { HistoryPlot } from '../parts/history-plot.tsx'
import { BackfillDialogue, MoveDialogue, PauseDialogue } from '../parts/job-dialogues.tsx'
import { Mark } from '../parts/mark.tsx'
import { NextRuns } from '../parts/next-runs.tsx'
import { RunList } from '../parts/run-list.tsx'
import { Sheet } from '../parts/sheet.tsx'
import type { Job, Preview, Run } from '../shapes.ts'
import { perform } from '../store/acts.ts'
import { useRights } from '../store/me.ts'
import { nodeOf, useNodes } from '../store/nodes.ts'
import { OneJob, runsOf } from '../store/one-job.ts'
import { copy, say } from '../store/said.ts'
import { listPath } from '../store/search.ts'
import { definitionLine, shellLine } from '../words/mongosh.ts'
import { countByStatus, durationsOf, latenessOf, percentile } from '../words/numbers.ts'
import { scheduleWords } from '../words/schedule.ts'
import { JOB_STATUSES, jobStatusOf, RUN_STATUSES, reasonOf } from '../words/status.ts'
import { counted, lengthWords, placeOf } from '../words/time.ts'
import { lastList } from './jobs.tsx'

type Dialogue = 'pause' | 'move' | 'backfill' | 'copy' | 'remove' | undefined

export function JobView({ id }: { readonly id: string }) {
  const one = useMemo(() => new OneJob(id), [id])
  const state = useCell(one.state)
  const { operate, change } = useRights()
  const [dialogue, setDialogue] = useState<Dialogue>(undefined)
  const [draft, setDraft] = useState<Preview | undefined>(undefined)
  useNodes()
  useEffect(() => one.follow(), [one])
  const { job } = state
  const zone = zoneOf(job)
  const coming = useComing(state.gone ? undefined : job, zone)
  const runs = runsOf(state)
  const close = () => setDialogue(undefined)

  const cancel = async (run: Run | undefined) => {
    try {
      if (run === undefined) await post(`${at('jobs', id)}/cancel`)
      else await post(`${at('runs', run._id)}/cancel`)
      say('Asked to cancel. The node aborts the run and writes its row.')
    } catch (error) {
      say(`Cancel: ${wordsOf(error)}`, { failed: true })
    }
  }
  const does = actionsOf({ job, operate, change, open: setDialogue, cancel: () => void cancel(undefined) })
  const step = (by: number) => () => {
    const next = lastList.ids[lastList.ids.indexOf(id) + by]
    if (next !== undefined && lastList.ids.includes(id)) go(pathOf('jobs', next))
  }
  useKeys('Job', [
    ...does.map(({ key, words, run }) => ({ key, does: words.toLowerCase(), run })),
    { key: '[', does: 'the job before, in the list', run: step(-1) },
    { key: ']', does: 'the next job in the list', run: step(1) },
    { key: 'Escape', does: 'back to the list', run: () => go(lastList.path) },
  ])
  if (job === undefined) return <Missing id={id} loading={state.loading} error={state.error} />
  return (
    <main class="job-view">
      <header class="job-top">
        <p class="crumbs">
          <Link to={lastList.path}>Jobs</Link>
          <span class="mono clip"> / {id}</span>
          <span class="grow" />
          <span class="hints" aria-hidden="true">
            <Key>[</Key> previous <Key>]</Key> next in the list <Key>Esc</Key> back
          </span>
          <span class="narrow-only">
            <FlowState short />
          </span>
        </p>
        <JobHead job={job} gone={state.gone} words={draft?.words} />
        <div class="actions">
          {does.map(({ words, run, key, first }) => (
            <Button key={key} does={run} shortcut={key} kind={first ? 'plain' : 'plain'}>
              {words}
            </Button>
          ))}
        </div>
        <Summary runs={runs} job={job} />
      </header>
      {state.gone && (
        <p class="banner warn" role="alert">
          This job is removed. What it was, and what it did, stands here until you leave.
        </p>
      )}
      <div class="job-columns">
        <div class="job-left">
          <section class="panel" aria-labelledby="history-head">
            <header class="panel-head">
              <h2 id="history-head">History</h2>
              <span class="support">{runs.length > 0 && `the last ${counted(Math.min(runs.length, 96), 'run')}`}</span>
              <span class="grow" />
              <span class="legend">
                <i class="ok" /> took (up) <i class="late" /> late (down)
              </span>
            </header>
            <HistoryPlot runs={runs} />
          </section>
          <RunList
            runs={runs}
            older={state.next !== null}
            loading={state.loading}
            more={() => void one.more()}
            cancel={operate ? run => void cancel(run) : undefined}
          />
        </div>
        <div class="job-right">
          <NextRuns
            times={draft === undefined ? coming : draft.times}
            zone={zone ?? 'UTC'}
            draft={draft !== undefined}
            none={noneWords(job, draft)}
          />
          <Definition
            job={job}
            etag={state.etag}
            change={change && !state.gone}
            previewed={setDraft}
            saved={() => void one.read()}
            zone={nodeOf(job.ip)?.timezone}
          />
        </div>
      </div>
      {dialogue === 'pause' && <PauseDialogue job={job} close={close} />}
      {dialogue === 'move' && <MoveDialogue job={job} close={close} />}
      {dialogue === 'backfill' && <BackfillDialogue job={job} close={close} zone={nodeOf(job.ip)?.timezone} />}
      {dialogue === 'copy' && <CopySheet job={job} close={close} />}
      {dialogue === 'remove' && <RemoveDialogue job={job} close={close} />}
    </main>
  )
}

/** The trigger's own, else that of its node. */
function zoneOf(job: Job | undefined): string | undefined {
  const own = job?.trigger?.timezone
  return typeof own === 'string' ? own : nodeOf(job?.ip)?.timezone
}

/** The next ten by the server, again whenever the next one changes. */
function useComing(job: Job | undefined, zone: string | undefined): readonly string[] | undefined {
  const [times, setTimes] = useState<readonly string[] | undefined>(undefined)
  const key = JSON.stringify([job?._id, job?.next_run_time, job?.trigger, zone, job?.state?.error])
  useEffect(() => {
    if (job === undefined) return
    // Of a trigger that cannot be read there are none.
    if (job.state?.error !== undefined) return setTimes([])
    let current = true
    get<{ times: readonly string[] }>(`${at('jobs', job._id)}/next`, { count: 10 }).then(
      found => current && setTimes(found.times),
      () => current && setTimes([]),
    )
    return () => {
      current = false
    }
  }, [key])
  return times
}

function noneWords(job: Job, draft: Preview | undefined): string {
  if (draft !== undefined) return 'No next runs while this stands. The saved trigger goes on.'
  return reasonOf(job, jobStatusOf(job, undefined)) ?? 'None.'
}

interface Offer {
  readonly words: string
  readonly key: string
  readonly run: () => void
  readonly first?: boolean
}

interface ActionsOf {
  readonly job: Job | undefined
  readonly operate: boolean
  readonly change: boolean
  readonly open: (dialogue: Dialogue) => void
  readonly cancel: () => void
}

function actionsOf({ job, operate, change, open, cancel }: ActionsOf): readonly Offer[] {
  if (job === undefined) return []
  const running = (job.state?.running?.length ?? 0) > 0
  const paused = job.next_run_time === null && job.state?.over !== true
  const act = (action: 'run' | 'resume') => () => void perform({ jobs: [job] }, { action })
  const copying: Offer = { words: 'Copy as…', key: 'y', run: () => open('copy') }
  if (!operate) return [copying]
  return [
    { words: 'Run now', key: 'r', run: act('run'), first: true },
    paused
      ? { words: 'Resume', key: 'u', run: act('resume') }
      : { words: 'Pause…', key: 'p', run: () => open('pause') },
    { words: 'Move…', key: 'm', run: () => open('move') },
    { words: 'Backfill…', key: 'b', run: () => open('backfill') },
    ...(running ? [{ words: 'Cancel run', key: 'c', run: cancel }] : []),
    copying,
    ...(change ? [{ words: 'Remove…', key: 'Delete', run: () => open('remove') }] : []),
  ]
}

function JobHead({
  job,
  gone,
  words,
}: {
  readonly job: Job
  readonly gone: boolean
  readonly words: string | null | undefined
}) {
  const nodes = useNodes()
  const now = useNow()
  const name = jobStatusOf(job, nodes)
  const status = JOB_STATUSES[name]
  const reason = reasonOf(job, name)
  const own = job.trigger?.timezone
  const standby = job.standby === 'any' ? 'any node' : (job.standby ?? []).join(', ')
  return (
    <>
      <h1 class={gone ? 'gone' : undefined}>
        <Mark status={status} />
        <span>{job._id}</span>
        <span class={`status ${status.colour}`}>{gone ? 'removed' : status.word}</span>
      </h1>
      <p class="words">
        <SentenceOf job={job} draft={words} />
        {typeof own === 'string' && <span class="support">, {placeOf(own)} time</span>}
        {reason !== undefined && (
          <span class={name === 'invalid' ? 'bad' : 'warn'}>{name === 'invalid' ? reason : ` · ${reason}`}</span>
        )}
      </p>
      {(job.name !== undefined || job.description !== undefined) && (
        <p class="support">{[job.name, job.description].filter(text => text !== undefined).join(': ')}</p>
      )}
      <p class="about">
        <span>
          on{' '}
          {job.ip === undefined ? (
            'no node yet'
          ) : (
            <Link to={listPath({ ip: job.ip })} class="mono">
              {job.ip}
            </Link>
          )}
        </span>
        {standby !== '' && <span class="support">stands in for it: {standby}</span>}
        {job.state?.home !== undefined && job.state.home !== job.ip && (
          <span class="support">at home on {job.state.home}</span>
        )}
        {(job.tags ?? []).map(tag => (
          <Link key={tag} to={listPath({ tag })} class="tag">
            {tag}
          </Link>
        ))}
        <span class="unseen">{scheduleWords(job.trigger, now)}</span>
      </p>
    </>
  )
}

/** The server's sentence; the short one until it comes, or where the trigger cannot be said. */
function SentenceOf({ job, draft }: { readonly job: Job; readonly draft: string | null | undefined }) {
  const [words, setWords] = useState<string | null>(null)
  const now = useNow()
  const text = JSON.stringify(job.trigger)
  useEffect(() => {
    let current = true
    post<Preview>('triggers/preview', { trigger: job.trigger, count: 1 }).then(
      found => current && setWords(found.words),
      () => current && setWords(null),
    )
    return () => {
      current = false
    }
  }, [text])
  if (typeof draft === 'string') return <span class="hand-text">{draft}</span>
  return <>{words ?? scheduleWords(job.trigger, now)}</>
}

const DAY_MS = 86_400_000

/** What the rows that are loaded say of the last day; says so where they do not reach that far. */
function Summary({ runs, job }: { readonly runs: readonly Run[]; readonly job: Job }) {
  const now = useNow()
  const lately = runs.filter(run => now - Date.parse(run.run_time) < DAY_MS)
  const reaches = lately.length < runs.length || runs.length < 100
  const took = durationsOf(lately)
  const late = latenessOf(lately)
  const [p50, p95, late50, late99] = [
    percentile(took, 0.5),
    percentile(took, 0.95),
    percentile(late, 0.5),
    percentile(late, 0.99),
  ]
  if (runs.length === 0) return null
  return (
    <p class="summary">
      <span>
        {reaches ? 'last 24 h: ' : 'the last '}
        <strong>{lately.length}</strong> {lately.length === 1 ? 'run' : 'runs'}
      </span>
      {[...countByStatus(lately)].map(([status, count]) => (
        <span key={status} class="word">
          <Mark status={RUN_STATUSES[status]} />
          {count} {RUN_STATUSES[status].word}
        </span>
      ))}
      {p50 !== undefined && p95 !== undefined && (
        <span>
          took p50 {lengthWords(p50)}, p95 {lengthWords(p95)}
        </span>
      )}
      {late50 !== undefined && late99 !== undefined && (
        <span>
          late p50 {lengthWords(late50)}, p99 {lengthWords(late99)}
        </span>
      )}
      {(job.state?.failures ?? 0) > 0 && <span class="bad">{job.state?.failures} failed in a row</span>}
    </p>
  )
}

function CopySheet({ job, close }: { readonly job: Job; readonly close: () => void }) {
  const lines = [
    { title: 'mongosh', text: definitionLine(job) },
    { title: 'tidewheel', text: shellLine(job) },
    { title: 'its id', text: job._id },
  ]
  return (
    <Sheet title={`Copy ${job._id}`} aside="as it is now" close={close}>
      {lines.map(({ title, text }, i) => (
        <section key={title} class="copying">
          <h3>
            {title} <span class="grow" />
            <Button does={() => void copy(text)} {...(i === 0 && { kind: 'main' as const })}>
              Copy
            </Button>
          </h3>
          <pre class="code small">{text}</pre>
        </section>
      ))}
    </Sheet>
  )
}

function RemoveDialogue({ job, close }: { readonly job: Job; readonly close: () => void }) {
  const remove = () => {
    close()
    void perform({ jobs: [job] }, { action: 'remove' }).then(done => done && go(lastList.path))
  }
  const foot = (
    <>
      <span class="support grow">Can be undone with z: the document is put back</span>
      <Button does={close} shortcut="Escape">
        Not now
      </Button>
      <Button kind="grave" does={remove}>
        Remove {job._id}
      </Button>
    </>
  )
  return (
    <Sheet title={`Remove ${job._id}`} place="middle" close={close} foot={foot}>
      <p>It does not run any more. A run in progress finishes, its history is kept for its time.</p>
      <pre class="code small">{`db.jobs.deleteOne({ _id: ${JSON.stringify(job._id)} })`}</pre>
    </Sheet>
  )
}

interface MissingProps {
  readonly id: string
  readonly loading: boolean
  readonly error: string | undefined
}

function Missing({ id, loading, error }: MissingProps) {
  return (
    <main class="job-view">
      <section class="empty">
        <h1>{loading ? id : `There is no job ${id}.`}</h1>
        <p class="support">{loading ? 'Reading…' : error}</p>
        {!loading && (
          <p>
            <Link to={listPath({ search: id })}>Search for it</Link>
          </p>
        )}
      </section>
    </main>
  )
}
