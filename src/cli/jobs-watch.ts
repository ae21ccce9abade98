/** `tidewheel jobs list --watch`: the same rows, as they change, until Ctrl-C.
 *  On a terminal the table is drawn anew, a few times a second at most; in a pipe and with `--json` each change is a line of its own:
 *  a job as it is now, or that it is not among them any more. */
import { auditTime, fromEvent, merge, type Observable, Subject, takeUntil, timer } from 'rxjs'
import type { JobFilter } from '../client/which.ts'
import { systemClock } from '../clock.ts'
import type { Job, JobChange } from '../index.ts'
import { type Call, withClient } from './call.ts'
import { EXIT } from './exit-codes.ts'
import { isTerminal } from './output.ts'
import { openScreen } from './screen.ts'
import { type Signal, signals } from './signals.ts'
import { cut, type Narrow, oneLine, tableOf } from './table.ts'

/** Changes that come together are drawn together. */
const DRAW_MS = 250
/** Times from now go on without a change. */
const TICK_MS = 1_000

export interface Watching {
  readonly head: readonly string[]
  readonly narrow?: Narrow
  readonly rowOf: (job: Job) => readonly string[]
}

/** Ends with exit 130 or 143, as its signal has it. */
export async function watchJobs({ settings, out }: Call, filter: JobFilter, watching: Watching): Promise<void> {
  const { first, close } = signals()
  try {
    const signal = await withClient(settings, async client => {
      const changes$ = client.jobs.changes$(await client.jobs.query(filter))
      return isTerminal() && !out.json
        ? await drawn(changes$, first, watching)
        : await told(changes$, first, { out, watching })
    })
    if (signal !== undefined) process.exitCode = EXIT[signal]
  } finally {
    close()
  }
}

interface Telling extends Pick<Call, 'out'> {
  readonly watching: Watching
}

/** A line for each change. */
function told(changes$: Observable<JobChange>, first: Promise<Signal>, { out, watching }: Telling) {
  return until(first, changes$, change =>
    out.each(
      change,
      change.type === 'put' ? watching.rowOf(change.job).map(oneLine).join('\t') : `${change.id}\tremoved`,
    ),
  )
}

/** The table of all that there are. */
async function drawn(changes$: Observable<JobChange>, first: Promise<Signal>, { head, narrow, rowOf }: Watching) {
  const jobs = new Map<string, Job>()
  const screen = openScreen(process.stdout)
  const draw = () => {
    // The head and the last row are none of them.
    const visible = [...jobs.keys()].sort().slice(0, Math.max(1, process.stdout.rows - 2))
    const rows = visible.map(id => rowOf(jobs.get(id) as Job))
    const part = visible.length < jobs.size ? `the first ${visible.length} of ` : ''
    const last = `${part}${jobs.size === 1 ? '1 job' : `${jobs.size} jobs`}; Ctrl-C ends`
    screen.show(tableOf(head, rows, process.stdout.columns, narrow), cut(last, process.stdout.columns))
  }
  const changed$ = new Subject<void>()
  const drawing = merge(changed$, timer(0, TICK_MS, systemClock))
    .pipe(auditTime(DRAW_MS, systemClock))
    .subscribe(draw)
  drawing.add(fromEvent(process.stdout, 'resize').subscribe(draw))
  try {
    return await until(first, changes$, change => {
      if (change.type === 'put') jobs.set(change.job._id, change.job)
      else jobs.delete(change.id)
      changed$.next()
    })
  } finally {
    drawing.unsubscribe()
    screen.close()
  }
}

/** Until the first signal, which it answers, or the end of the stream. Throws what the stream does. */
export function until<T>(
  first: Promise<Signal>,
  stream$: Observable<T>,
  next: (value: T) => void,
): Promise<Signal | undefined> {
  return new Promise<Signal | undefined>((resolve, reject) => {
    void first.then(resolve)
    stream$.pipe(takeUntil(first)).subscribe({ next, error: reject, complete: () => resolve(undefined) })
  })
}
