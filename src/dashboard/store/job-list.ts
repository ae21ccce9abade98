/** Job list: the rows of a search, page after page, kept true while people and nodes change them.
 *  In: a search and an order; events; which rows are in sight. Out: rows in an order that holds while somebody points at them.
 *  Always holds: a row changes in place; what goes stays struck until the order is let go; what comes is counted until then.
 *  Only rows in sight are read again, a few a second: a list of 100,000 costs what a screen of them costs. */
import { ApiError, at, get, wordsOf } from '../api.ts'
import { Cell } from '../cell.ts'
import { every, later, now } from '../clock.ts'
import type { Job, LiveEvent, Page } from '../shapes.ts'
import { heed, heedReset } from './live.ts'
import { queryOf, type Search } from './search.ts'

export interface Row {
  readonly job: Job
  /** Removed, or found no more. */
  readonly gone: boolean
  /** What people changed a moment ago: the document before, and when. */
  readonly before?: { readonly job: Job; readonly at: number }
}

export interface ListState {
  readonly rows: readonly Row[]
  readonly loading: boolean
  /** All that match are loaded. */
  readonly whole: boolean
  readonly count: number | undefined
  readonly exact: boolean
  /** Jobs that came, or would stand elsewhere, since the order holds. */
  readonly waiting: number
  readonly error: string | undefined
}

const FIRST: ListState = {
  rows: [],
  loading: true,
  whole: false,
  count: undefined,
  exact: false,
  waiting: 0,
  error: undefined,
}
const PAGE = 200
const PUMP_MS = 300
/** Nodes plan what a person has changed, and no event tells of it. */
const PLAN_MS = 1_500
/** So many rows are read again in one turn. */
const A_TURN = 8
const SHOWN_MS = 5_000
/** What people write and a row shows. */
const TOLD: readonly (keyof Job)[] = ['trigger', 'ip', 'func', 'name', 'tags', 'note']

export class JobList {
  readonly state = new Cell<ListState>(FIRST)
  #search: Search = {}
  #sort = 'next_run_time'
  #cursor: string | null = null
  /** Answers to an older search are dropped. */
  #version = 0
  #dirty = new Set<string>()
  #stale = false
  #held = false
  #sight: readonly [number, number] = [0, 0]
  #reading = false

  /** Follows events until the answer is called. */
  follow(): () => void {
    const ends = [
      heed(event => this.#hear(event)),
      heedReset(() => void this.reload()),
      every(PUMP_MS, () => void this.#pump()),
      every(PLAN_MS, () => this.#awaitPlans()),
    ]
    return () => {
      for (const end of ends) end()
    }
  }

  open(search: Search, sort: string): void {
    this.#search = search
    this.#sort = sort
    this.state.set({ ...FIRST, rows: this.state.value.rows })
    void this.reload()
  }

  /** From the start, as many as were loaded, up to a page. */
  async reload(): Promise<void> {
    const version = ++this.#version
    this.#dirty.clear()
    this.#stale = false
    try {
      const page = await this.#read(null, true)
      if (version !== this.#version) return
      this.#cursor = page.next
      const before = new Map(this.state.value.rows.map(row => [row.job._id, row]))
      const rows = page.items.map(job => this.#renewed(before.get(job._id), job))
      this.#set({ rows, loading: false, whole: page.next === null, waiting: 0, error: undefined, ...countOf(page) })
    } catch (error) {
      if (version === this.#version) this.#set({ loading: false, error: wordsOf(error) })
    }
  }

  /** The next page, where there is one. */
  async more(): Promise<void> {
    if (this.#cursor === null || this.state.value.loading) return
    const version = this.#version
    this.#set({ loading: true })
    try {
      const page = await this.#read(this.#cursor, false)
      if (version !== this.#version) return
      this.#cursor = page.next
      const known = new Set(this.state.value.rows.map(({ job }) => job._id))
      const fresh = page.items.filter(job => !known.has(job._id)).map(job => ({ job, gone: false }))
      this.#set({ rows: [...this.state.value.rows, ...fresh], loading: false, whole: page.next === null })
    } catch (error) {
      if (version === this.#version) this.#set({ loading: false, error: wordsOf(error) })
    }
  }

  /** Which rows are in sight: [from, to). */
  see(from: number, to: number): void {
    this.#sight = [from, to]
    if (to + PAGE / 2 > this.state.value.rows.length) void this.more()
  }

  /** While held, rows keep their places. */
  hold(held: boolean): void {
    this.#held = held
  }

  #read(cursor: string | null, count: boolean): Promise<Page<Job>> {
    return get<Page<Job>>('jobs', {
      ...queryOf(this.#search),
      sort: this.#sort,
      limit: PAGE,
      ...(cursor !== null && { cursor }),
      ...(count && { count: true }),
    })
  }

  #set(part: Partial<ListState>): void {
    this.state.change(state => ({ ...state, ...part }))
  }

  #hear({ type, job_id }: LiveEvent): void {
    if (job_id === undefined) return
    if (type.startsWith('job.')) later(PLAN_MS, () => this.#dirty.add(job_id))
    if (type === 'job.added') {
      this.#stale = true
      if (this.#held) this.#set({ waiting: this.state.value.waiting + 1 })
    } else if (type === 'job.removed') this.#mark(job_id)
    else if (type.startsWith('job.') && !this.#has(job_id)) this.#stale = true
    else this.#dirty.add(job_id)
  }

  #has(id: string): boolean {
    return this.state.value.rows.some(({ job }) => job._id === id)
  }

  #mark(id: string): void {
    if (!this.#has(id)) return
    const rows = this.state.value.rows.map(row => (row.job._id === id ? { ...row, gone: true } : row))
    this.#stale = true
    this.#set({ rows })
  }

  /** One turn: the order anew where nobody points at it and its start is in sight, else the changed rows in their places. */
  async #pump(): Promise<void> {
    if (this.#reading || document.hidden) return
    this.#reading = true
    try {
      const atStart = this.#sight[0] < PAGE / 2
      const inSight = this.#dirtyInSight()
      if (!this.#held && atStart && (this.#stale || inSight.length > 0)) await this.reload()
      else for (const id of inSight.slice(0, A_TURN)) await this.#renew(id)
    } finally {
      this.#reading = false
    }
  }

  #dirtyInSight(): string[] {
    return this.#inSight()
      .map(({ job }) => job._id)
      .filter(id => this.#dirty.has(id))
  }

  #inSight(): readonly Row[] {
    return this.state.value.rows.slice(...this.#sight)
  }

  #awaitPlans(): void {
    const unplanned = this.#inSight().filter(({ job, gone }) => !gone && isUnplanned(job))
    for (const { job } of unplanned.slice(0, A_TURN)) this.#dirty.add(job._id)
  }

  async #renew(id: string): Promise<void> {
    this.#dirty.delete(id)
    const version = this.#version
    try {
      const job = await get<Job>(at('jobs', id))
      if (version !== this.#version) return
      this.#set({ rows: this.state.value.rows.map(row => (row.job._id === id ? this.#renewed(row, job) : row)) })
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.#mark(id)
    }
  }

  #renewed(row: Row | undefined, job: Job): Row {
    if (row === undefined) return { job, gone: false }
    const changed = TOLD.some(field => JSON.stringify(row.job[field]) !== JSON.stringify(job[field]))
    if (changed) {
      later(SHOWN_MS, () => this.#forget(job._id))
      return { job, gone: false, before: { job: row.job, at: now() } }
    }
    return { job, gone: false, ...(row.before && { before: row.before }) }
  }

  #forget(id: string): void {
    const rows = this.state.value.rows.map(row => {
      if (row.job._id !== id || row.before === undefined || now() - row.before.at < SHOWN_MS - PUMP_MS) return row
      return { job: row.job, gone: row.gone }
    })
    this.#set({ rows })
  }
}

/** Its node is about to say when it runs next. */
export const isUnplanned = ({ next_run_time, state }: Job): boolean =>
  next_run_time === undefined && state?.error === undefined && state?.over !== true

const countOf = ({ count, count_exact }: Page<Job>): Pick<ListState, 'count' | 'exact'> => ({
  count,
  exact: count_exact ?? true,
})
