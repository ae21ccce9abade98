/** Node jobs: the first few jobs of each node, and what is due on it within the hour.
 *  In: ips; events. Out: for each node its jobs that run or run next, and a count a minute of what comes, both by the server.
 *  They are read again when something happened to a job, once in three seconds at most. */
import { get } from '../api.ts'
import { Cell } from '../cell.ts'
import { every, now, throttled } from '../clock.ts'
import type { Job, Page, Timeline } from '../shapes.ts'
import { heed, heedReset, together } from './live.ts'

export interface NodeJobs {
  /** Running first, then by next run. */
  readonly jobs: readonly Job[]
  /** How many are due in each of the next 60 minutes; undefined: not known. */
  readonly coming: readonly number[] | undefined
  /** When most are due at once. */
  readonly most: { readonly at: number; readonly count: number } | undefined
}

export const nodeJobs = new Cell<ReadonlyMap<string, NodeJobs>>(new Map())

const SHOWN = 5
const MINUTE_MS = 60_000
const MINUTES = 60
const LEAST_MS = 3_000
const EVERY_MS = 30_000
const COMING = 1_000
const NOTHING_KNOWN: ReadonlyMap<string, Coming> = new Map()

/** Answers with what ends it. */
export function followNodeJobs(ips: () => readonly string[]): () => void {
  const read = throttled(LEAST_MS, () => void readAll(ips()))
  read()
  return together(
    heed(({ type }) => {
      if (type.startsWith('job.') || type === 'run.started' || type === 'run.executed' || type === 'run.error') read()
    }),
    heedReset(read),
    every(EVERY_MS, read),
  )
}

async function readAll(ips: readonly string[]): Promise<void> {
  if (document.hidden) return
  try {
    const [coming, ...lists] = await Promise.all([readComing().catch(() => NOTHING_KNOWN), ...ips.map(jobsOf)])
    nodeJobs.set(
      new Map(
        ips.map(
          (ip, i) =>
            [ip, { jobs: lists[i] ?? [], coming: coming.get(ip)?.minutes, most: coming.get(ip)?.most }] as const,
        ),
      ),
    )
  } catch {
    // What is known stays.
  }
}

async function jobsOf(ip: string): Promise<readonly Job[]> {
  const [running, next] = await Promise.all([
    get<Page<Job>>('jobs', { ip, status: 'running', sort: '_id', limit: 3 }),
    get<Page<Job>>('jobs', { ip, status: 'armed', sort: 'next_run_time', limit: SHOWN }),
  ])
  const ids = new Set(running.items.map(({ _id }) => _id))
  return [...running.items, ...next.items.filter(({ _id }) => !ids.has(_id))].slice(0, SHOWN)
}

interface Coming {
  readonly minutes: readonly number[]
  readonly most: NodeJobs['most']
}

async function readComing(): Promise<ReadonlyMap<string, Coming>> {
  const from = now()
  const span = {
    from: new Date(from).toISOString(),
    to: new Date(from + MINUTES * MINUTE_MS).toISOString(),
    limit: COMING,
  }
  const { lanes } = await get<Timeline>('timeline', span)
  return new Map(
    lanes.map(({ ip, coming }) => {
      const minutes = new Array<number>(MINUTES).fill(0)
      const seconds = new Map<number, number>()
      for (const { run_time } of coming) {
        const at = Date.parse(run_time)
        const minute = Math.floor((at - from) / MINUTE_MS)
        if (minute >= 0 && minute < MINUTES) minutes[minute] = (minutes[minute] ?? 0) + 1
        const second = Math.floor(at / 1_000) * 1_000
        seconds.set(second, (seconds.get(second) ?? 0) + 1)
      }
      const [most] = [...seconds].sort((a, b) => b[1] - a[1])
      return [ip, { minutes, most: most && { at: most[0], count: most[1] } }] as const
    }),
  )
}
