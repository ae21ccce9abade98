/** Stats: what all jobs and runs say together, over a span.
 *  In: `/api/stats`, and the latest failed and latest ended runs. Out: figures by minute; the jobs that fail most and take longest, among
 *  the rows that were read, and how many those were. */
import { get, wordsOf } from '../api.ts'
import { Cell } from '../cell.ts'
import { every, now, throttled } from '../clock.ts'
import type { Page, Run, Stats } from '../shapes.ts'
import { FAILED } from '../words/status.ts'
import { heed, heedReset, together } from './live.ts'

export interface Failing {
  readonly id: string
  readonly failed: number
  readonly last: Run
}

export interface StatsState {
  readonly stats: Stats | undefined
  readonly failing: readonly Failing[]
  readonly slowest: readonly Run[]
  /** The latest rows that ended, for what is told by minute. */
  readonly rows: readonly Run[]
  /** Among so many rows, the latest ones. */
  readonly among: number
  readonly error: string | undefined
}

const FIRST: StatsState = { stats: undefined, failing: [], slowest: [], rows: [], among: 0, error: undefined }
const LEAST_MS = 5_000
const EVERY_MS = 15_000
const ROWS = 500
const SHOWN = 6

export class StatsOf {
  readonly state = new Cell<StatsState>(FIRST)
  readonly #lengthMs: number

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs
  }

  follow(): () => void {
    const read = throttled(LEAST_MS, () => void this.#read())
    read()
    return together(
      heed(({ type }) => {
        if (type.startsWith('run.')) read()
      }),
      heedReset(read),
      every(EVERY_MS, read),
    )
  }

  async #read(): Promise<void> {
    if (document.hidden) return
    const since = new Date(now() - this.#lengthMs).toISOString()
    try {
      const [stats, ended, ...failed] = await Promise.all([
        get<Stats>('stats', { since }),
        get<Page<Run>>('runs', { status: 'executed', since, limit: ROWS }),
        ...FAILED.map(status => get<Page<Run>>('runs', { status, since, limit: ROWS })),
      ])
      const broken = failed.flatMap(({ items }) => items)
      this.state.set({
        stats,
        failing: failingOf(broken),
        slowest: slowestOf([...ended.items, ...broken]),
        rows: [...ended.items, ...broken],
        among: ended.items.length + broken.length,
        error: undefined,
      })
    } catch (error) {
      this.state.change(state => ({ ...state, error: wordsOf(error) }))
    }
  }
}

function failingOf(runs: readonly Run[]): readonly Failing[] {
  const jobs = new Map<string, Failing>()
  for (const run of runs) {
    const known = jobs.get(run.job_id)
    const last = known === undefined || known.last.run_time < run.run_time ? run : known.last
    jobs.set(run.job_id, { id: run.job_id, failed: (known?.failed ?? 0) + 1, last })
  }
  return [...jobs.values()].sort((a, b) => b.failed - a.failed).slice(0, SHOWN)
}

/** The longest run of each job. */
function slowestOf(runs: readonly Run[]): readonly Run[] {
  const jobs = new Map<string, Run>()
  for (const run of runs) {
    if ((run.duration ?? 0) > (jobs.get(run.job_id)?.duration ?? -1)) jobs.set(run.job_id, run)
  }
  return [...jobs.values()].sort((a, b) => (b.duration ?? 0) - (a.duration ?? 0)).slice(0, SHOWN)
}
