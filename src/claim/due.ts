/** Due runs: which times of a job have come, which of them are too late, and when it runs next. Pure arithmetic.
 *  A run time counts as due, and its lateness counts, from its delayed time (run time + jitter).
 *  The work does not grow with the length of an outage: times are found by leaps, and at most 1,000 are listed.
 *  Always holds: no time is given twice, none between the first and `next` is passed over unless it is counted. */
import { TidewheelError } from '../errors.ts'
import { givenOptions, givenZone, instant } from '../trigger/given.ts'
import { shown } from '../trigger/refuse.ts'
import { type ParsedTrigger, parsed, type Trigger } from '../trigger/trigger.ts'

/** At most so many run times are listed as run, as missed, or counted. */
export const MAX_LISTED = 1_000

/** Seconds a run may start late when a job does not say. */
const DEFAULT_GRACE_S = 60

export interface DueInput {
  readonly trigger: ParsedTrigger
  readonly next_run_time: number
  /** Milliseconds a run may start late; null: however late. */
  readonly grace: number | null
  /** Of all due times only the latest counts. */
  readonly coalesce: boolean
  /** Times other than next_run_time itself must be later than this: those up to it were claimed before. */
  readonly floor?: number
  /** Jitter of a run time in ms, at most the trigger's; absent: none. */
  readonly delay?: (run_time: number) => number
}

export interface Due {
  /** To be run, in order; of more than 1,000 the newest. */
  readonly run: number[]
  /** Too late, in order; of more than 1,000 the newest. */
  readonly missed: number[]
  /** First run time after the last due one; null when the schedule is over. */
  readonly next: number | null
  /** How many due times run and missed stand for, counted up to 1,000. */
  readonly count: number
}

export function due(input: DueInput, now: number): Due {
  const { trigger, next_run_time: first, grace, coalesce, delay } = input
  const dueAt = (time: number) => time + (delay?.(time) ?? 0)
  if (first > now || dueAt(first) > now) return { run: [], missed: [], next: first, count: 0 }
  const chain = new Chain(trigger, first, input.floor ?? -Infinity)
  const late = (time: number) => grace !== null && now - dueAt(time) > grace
  const second = chain.after(first)
  if (second === null || second > now || dueAt(second) > now)
    return { ...sorted([first], late), next: second, count: 1 }
  const longest = delay ? Math.ceil(trigger.jitter * 1000) : 0
  const last = walk(chain, chain.last(now - longest), time => dueAt(time) <= now)
  const next = chain.after(last)
  if (coalesce) return { ...sorted([last], late), next, count: chain.between(first, last, MAX_LISTED).length }
  const listed = grace === null ? first : Math.max(first, now - grace - longest)
  const run = chain.newest(listed, last).filter(time => !late(time))
  const missed = grace === null ? [] : chain.newest(first, Math.min(last, now - grace - 1)).filter(late)
  return { run, missed, next, count: Math.min(MAX_LISTED, run.length + missed.length) }
}

const sorted = (times: readonly number[], late: (time: number) => boolean) => ({
  run: times.filter(time => !late(time)),
  missed: times.filter(late),
})

/** From `start` on while the next time is due too, at most 1,000 steps; what is left is due at the next look. */
function walk(chain: Chain, start: number, isDue: (time: number) => boolean): number {
  let last = start
  for (let step = 0; step < MAX_LISTED; step++) {
    const next = chain.from(last + 1)
    if (next === null || !isDue(next)) return last
    last = next
  }
  return last
}

/** Comparisons that `and` triggers may make for one question about due times, all leaps together. */
const MAX_STEPS = 1_000_000

/** The run times that go on from the first one, later than the floor, asked for by leaps. */
class Chain {
  readonly #trigger: ParsedTrigger
  readonly #first: number
  readonly #floor: number
  readonly #reach = { until: Infinity, steps: MAX_STEPS }

  constructor(trigger: ParsedTrigger, first: number, floor: number) {
    this.#trigger = trigger
    this.#first = first
    this.#floor = floor
  }

  /** The first time >= `t`, of interest only up to `until`. */
  from(t: number, until = Infinity): number | null {
    if (t <= this.#first) return this.#first
    this.#reach.until = until
    return this.#trigger.seek(this.#first, Math.max(t, this.#floor + 1), this.#reach)
  }

  /** The first time after `t`, whatever the leaps before have used up. */
  after(t: number): number | null {
    return this.#trigger.seek(this.#first, Math.max(t, this.#floor) + 1)
  }

  /** The last time <= `to`; the first one when there is no other. */
  last(to: number): number {
    let low = this.#first
    for (let back = 1_000; ; back *= 4) {
      const start = Math.max(to - back, this.#first)
      const time = this.from(start + 1, to)
      if (time !== null && time <= to) {
        low = time
        break
      }
      if (start === this.#first) return this.#first
    }
    for (let high = to; low < high; ) {
      const middle = low + Math.ceil((high - low) / 2)
      const time = this.from(middle, to)
      if (time !== null && time <= to) low = time
      else high = middle - 1
    }
    return low
  }

  /** The times from `start` to `to`, in order, at most `limit`. */
  between(start: number, to: number, limit: number): number[] {
    const times: number[] = []
    for (let time = this.from(start, to); time !== null && time <= to; time = this.from(time + 1, to)) {
      times.push(time)
      if (times.length >= limit) break
    }
    return times
  }

  /** The newest 1,000 of the times from `start` to `to`, in order. */
  newest(start: number, to: number): number[] {
    const enough = 4 * MAX_LISTED
    let times = this.between(start, to, enough)
    let [few, many] = [to, start]
    let back = 1_000
    while (times.length >= enough) {
      // Too many from `many` on, fewer than 1,000 from `few` on: look between, near `to` first.
      const middle = Math.max(few - back, many + Math.ceil((few - many) / 2))
      times = this.between(middle, to, enough)
      if (times.length >= enough) many = middle
      else if (times.length < MAX_LISTED) {
        few = middle
        back *= 4
        times.length = enough
      }
    }
    return times.slice(-MAX_LISTED)
  }
}

/** What dueRuns reads of a job. */
export interface DueJob {
  readonly trigger: Trigger | ParsedTrigger
  /** Null: paused; absent: computed from the trigger as it begins. */
  readonly next_run_time?: Date | null
  /** Seconds; null: however late; absent: 60. */
  readonly misfire_grace_time?: number | null
  /** Absent: true. */
  readonly coalesce?: boolean
}

/** The runs of a job that are due at `now`: to be run, missed for lateness, and when it runs next.
 *  With `coalesce` only the latest due time is in them; without, the newest 1,000 of each. Jitter is left aside.
 *  Throws `invalid_trigger`, and `invalid_option` for anything else of the wrong kind. */
export function dueRuns(
  job: DueJob,
  now: Date,
  options: { readonly timezone?: string } = {},
): { run: Date[]; missed: Date[]; next: Date | null } {
  const { next_run_time: first, misfire_grace_time: seconds = DEFAULT_GRACE_S, coalesce = true } = checked(job)
  const where = 'dueRuns'
  const { timezone } = givenOptions(options, where, ['timezone'])
  const at = instant(now, `${where}: now`)
  const trigger = parsed(job.trigger, givenZone(timezone, where))
  const next_run_time = first === null ? null : (first?.getTime() ?? trigger.next(null, at))
  if (next_run_time === null) return { run: [], missed: [], next: null }
  const grace = seconds === null ? null : seconds * 1000
  const result = due({ trigger, next_run_time, grace, coalesce }, at)
  const dates = (times: readonly number[]) => times.map(time => new Date(time))
  return {
    run: dates(result.run),
    missed: dates(result.missed),
    next: result.next === null ? null : new Date(result.next),
  }
}

function checked(job: DueJob): DueJob {
  const refuse = (path: string, expected: string): never => {
    throw new TidewheelError('invalid_option', `dueRuns: ${path}: expected ${expected}`, { path })
  }
  if (typeof job !== 'object' || job === null) refuse('job', `an object with a trigger; found ${shown(job)}`)
  const { next_run_time: next, misfire_grace_time: seconds, coalesce } = job
  if (next !== undefined && next !== null) instant(next, 'dueRuns: next_run_time')
  if (seconds !== undefined && seconds !== null && !(typeof seconds === 'number' && seconds > 0))
    refuse('misfire_grace_time', `seconds above 0, or null; found ${shown(seconds)}`)
  if (coalesce !== undefined && typeof coalesce !== 'boolean')
    refuse('coalesce', `true or false; found ${shown(coalesce)}`)
  return job
}
