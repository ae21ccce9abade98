/** Job list: the rows of a search, page after page, kept true while people and nodes change them.
 *  In: a search and an order; events; which rows are in sight. Out: rows in an order that holds while somebody points at them.
 *  Always holds: a row changes in place; what goes stays struck until the order is let go; what comes is counted until then.
 *  Only rows in sight are read again, a few a second, and drawn once a turn: a list of 100,000 costs what a screen of them costs, and
 *  what happens to jobs that are not loaded is not remembered. */
import { ApiError, at, get, wordsOf } from '../api.ts'
import { Cell } from '../cell.ts'
import { elapsed, every, later, now } from '../clock.ts'
import type { Job, LiveEvent, Page } from '../shapes.ts'
import { countOf } from './counts.ts'
import { heed, heedReset, together } from './live.ts'
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
/** What is asked for first: a large screen of rows. */
const FIRST_PAGE = 60
const PUMP_MS = 300
/** Nodes plan what a person has changed, and no event tells of it. */
const PLAN_MS = 1_500
/** So many rows are read again in one turn. */
const A_TURN = 8
const SHOWN_MS = 5_000
/** Counting costs the database more than a page does. */
const COUNT_MS = 5_000
/** What people write and a row shows. */
const TOLD: readonly (keyof Job)[] = ['trigger', 'ip', 'func', 'name', 'tags', 'note']

export class JobList {
  readonly state = new Cell<ListState>(FIRST)
  #search: Search = {}
  #sort = 'next_run_time'
  #cursor: string | null = null
  /** Answers to an older search are dropped. */
  #version = 0
  /** Loaded rows to read again. */
  #dirty = new Set<string>()
  /** Rows whose jobs were removed since the last turn. */
  #removed = new Set<string>()
  /** Jobs that came since the last turn. */
  #came = 0
  #stale = false
  #countedAt = Number.NEGATIVE_INFINITY
  #places: { readonly of: readonly Row[]; readonly by: ReadonlyMap<string, number> } = { of: [], by: new Map() }
  #held = false
  #sight: readonly [number, number] = [0, 0]
  #reading = false

  /** Follows events until the answer is called. */
  follow(): () => void {
    return together(
      heed(event => this.#hear(event)),
      heedReset(() => void this.reload()),
      every(PUMP_MS, () => void this.#pump()),
      every(PLAN_MS, () => this.#awaitPlans()),
    )
  }

  open(search: Search, sort: string): void {
    this.#search = search
    this.#sort = sort
    this.state.set({ ...FIRST, rows: this.state.value.rows })
    this.#countedAt = Number.NEGATIVE_INFINITY
    void this.reload(FIRST_PAGE)
  }

  /** From the start, as many as were loaded, up to a page. */
  async reload(limit = PAGE): Promise<void> {
    const version = ++this.#version
    this.#dirty.clear()
    this.#removed.clear()
    this.#came = 0
    this.#stale = false
    try {
      const page = await this.#read(null, limit)
      if (version !== this.#version) return
      this.#cursor = page.next
      if (page.next !== null && elapsed() - this.#countedAt > COUNT_MS) void this.#count(version)
      const before = new Map(this.state.value.rows.map(row => [row.job._id, row]))
      const rows = page.items.map(job => this.#renewed(before.get(job._id), job))
      const whole = page.next === null
      const count = whole && { count: rows.length, exact: true }
      this.#set({ rows, loading: false, whole, waiting: 0, error: undefined, ...count })
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
      const page = await this.#read(this.#cursor, PAGE)
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

  #read(cursor: string | null, limit: number): Promise<Page<Job>> {
    const place = { sort: this.#sort, limit, ...(cursor !== null && { cursor }) }
    return get<Page<Job>>('jobs', { ...queryOf(this.#search), ...place })
  }

  /** After the rows: nobody waits for it. */
  async #count(version: number): Promise<void> {
    this.#countedAt = elapsed()
    const search = this.#search
    try {
      const { count, exact } = await countOf(search)
      if (version === this.#version || search === this.#search) this.#set({ count, exact })
    } catch {
      // The rows stand there; how many there are is asked for again.
    }
  }

  #set(part: Partial<ListState>): void {
    this.state.change(state => ({ ...state, ...part }))
  }

  #hear({ type, job_id }: LiveEvent): void {
    if (job_id === undefined) return
    const loaded = this.#placeOf(job_id) !== undefined
    if (type === 'job.added') {
      this.#stale = true
      if (this.#held) this.#came++
    } else if (!loaded) this.#stale ||= type.startsWith('job.') && type !== 'job.removed'
    else if (type === 'job.removed') this.#removed.add(job_id)
    else this.#dirty.add(job_id)
    if (loaded && type.startsWith('job.') && type !== 'job.removed') later(PLAN_MS, () => this.#dirty.add(job_id))
  }

  #placeOf(id: string): number | undefined {
    const { rows } = this.state.value
    if (this.#places.of !== rows) this.#places = { of: rows, by: new Map(rows.map(({ job }, i) => [job._id, i])) }
    return this.#places.by.get(id)
  }

  /** What came and went since the last turn, and what was told long enough, in one drawing. */
  #settle(): void {
    const { rows, waiting } = this.state.value
    const old = now() - SHOWN_MS
    const isTold = ({ before }: Row) => before !== undefined && before.at <= old
    const gone = rows.some(({ job }) => this.#removed.has(job._id))
    const came = this.#came
    if (gone) this.#stale = true
    if (gone || rows.some(isTold)) {
      const settled = rows.map((row): Row => {
        const { job } = row
        if (this.#removed.has(job._id)) return { ...row, gone: true }
        return isTold(row) ? { job, gone: row.gone } : row
      })
      this.#set({ rows: settled, waiting: waiting + came })
    } else if (came > 0) this.#set({ waiting: waiting + came })
    this.#removed.clear()
    this.#came = 0
  }

  /** One turn: the order anew where nobody points at it and its start is in sight, else the changed rows in their places. */
  async #pump(): Promise<void> {
    if (document.hidden) return
    this.#settle()
    if (this.#reading) return
    this.#reading = true
    try {
      const atStart = this.#sight[0] < PAGE / 2
      const inSight = this.#dirtyInSight()
      if (!this.#held && atStart && (this.#stale || inSight.length > 0)) await this.reload()
      else await this.#renew(inSight.slice(0, A_TURN))
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

  async #renew(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    for (const id of ids) this.#dirty.delete(id)
    const version = this.#version
    const found = new Map((await Promise.all(ids.map(id => this.#readOne(id)))).flat())
    if (version !== this.#version || found.size === 0) return
    const renewed = (row: Row): Row => {
      const job = found.get(row.job._id)
      return job === undefined ? row : this.#renewed(row, job)
    }
    this.#set({ rows: this.state.value.rows.map(renewed) })
  }

  async #readOne(id: string): Promise<readonly (readonly [string, Job])[]> {
    try {
      return [[id, await get<Job>(at('jobs', id))]]
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.#removed.add(id)
      return []
    }
  }

  #renewed(row: Row | undefined, job: Job): Row {
    if (row === undefined) return { job, gone: false }
    const changed = TOLD.some(field => JSON.stringify(row.job[field]) !== JSON.stringify(job[field]))
    if (changed) return { job, gone: false, before: { job: row.job, at: now() } }
    return { job, gone: false, ...(row.before && { before: row.before }) }
  }
}

/** Its node is about to say when it runs next. */
export const isUnplanned = ({ next_run_time, state }: Job): boolean =>
  next_run_time === undefined && state?.error === undefined && state?.over !== true
