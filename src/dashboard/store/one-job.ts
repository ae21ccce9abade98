/** One job: its document and its history, kept true while somebody looks at it.
 *  In: an id, events. Out: the document with its ETag, rows newest first, or why there are none.
 *  What is read again is read whole: one document and one page of rows, once a second at most. */
import { ApiError, ask, at, get, wordsOf } from '../api.ts'
import { Cell } from '../cell.ts'
import { every, later, throttled } from '../clock.ts'
import type { Job, Page, Run } from '../shapes.ts'
import { isUnplanned } from './job-list.ts'
import { heed, heedReset, together } from './live.ts'

export interface JobState {
  readonly job: Job | undefined
  readonly etag: string | null
  readonly runs: readonly Run[]
  /** Older rows than those. */
  readonly next: string | null
  readonly loading: boolean
  readonly error: string | undefined
  /** It was there, and is not any more. */
  readonly gone: boolean
}

const FIRST: JobState = {
  job: undefined,
  etag: null,
  runs: [],
  next: null,
  loading: true,
  error: undefined,
  gone: false,
}
const PAGE = 100
const LEAST_MS = 1_000
/** Nodes plan what a person has changed, and no event tells of it. */
const PLAN_MS = 1_500

export class OneJob {
  readonly state = new Cell<JobState>(FIRST)
  readonly #id: string

  constructor(id: string) {
    this.#id = id
  }

  follow(): () => void {
    const read = throttled(LEAST_MS, () => void this.read())
    read()
    return together(
      heed(({ type, job_id }) => {
        if (job_id !== this.#id) return
        read()
        if (type.startsWith('job.')) later(PLAN_MS, read)
      }),
      every(PLAN_MS, () => {
        const { job, gone } = this.state.value
        if (job !== undefined && !gone && isUnplanned(job) && !document.hidden) read()
      }),
      heedReset(read),
    )
  }

  async read(): Promise<void> {
    try {
      const [{ body: job, etag }, page] = await Promise.all([ask<Job>(at('jobs', this.#id)), this.#history(null)])
      const newest = new Set(page.items.map(({ _id }) => _id))
      const older = this.state.value.runs.filter(({ _id }) => !newest.has(_id))
      const kept = this.state.value.runs.length > PAGE
      this.#set({
        job,
        etag,
        runs: kept ? [...page.items, ...older] : page.items,
        next: kept ? this.state.value.next : page.next,
        loading: false,
        error: undefined,
        gone: false,
      })
    } catch (error) {
      const missing = error instanceof ApiError && error.status === 404
      const page = missing ? await this.#history(null).catch(() => undefined) : undefined
      this.#set({
        loading: false,
        error: wordsOf(error),
        gone: missing,
        ...(page && { runs: page.items, next: page.next }),
      })
    }
  }

  async more(): Promise<void> {
    const { next, loading } = this.state.value
    if (next === null || loading) return
    this.#set({ loading: true })
    try {
      const page = await this.#history(next)
      const known = new Set(this.state.value.runs.map(({ _id }) => _id))
      const older = page.items.filter(({ _id }) => !known.has(_id))
      this.#set({ runs: [...this.state.value.runs, ...older], next: page.next, loading: false })
    } catch (error) {
      this.#set({ loading: false, error: wordsOf(error) })
    }
  }

  #history(cursor: string | null): Promise<Page<Run>> {
    return get<Page<Run>>(`${at('jobs', this.#id)}/history`, { limit: PAGE, ...(cursor !== null && { cursor }) })
  }

  #set(part: Partial<JobState>): void {
    this.state.change(state => ({ ...state, ...part }))
  }
}

/** Rows, and before them the runs that go on and have none yet. */
export function runsOf({ job, runs }: Pick<JobState, 'job' | 'runs'>): readonly Run[] {
  const known = new Set(runs.map(({ _id }) => _id))
  const young = (job?.state?.running ?? [])
    .filter(({ run_id }) => !known.has(run_id))
    .map(
      (entry): Run => ({
        _id: entry.run_id,
        job_id: job?._id ?? '',
        run_time: entry.run_time,
        status: 'started',
        scheduled: entry.ordered !== true,
        attempt: entry.attempt,
        ip: entry.node,
        started: entry.claimed,
      }),
    )
  return [...young, ...runs]
}
