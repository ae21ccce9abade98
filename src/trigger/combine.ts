/** and, or, exclude: intersection, union and difference of schedules.
 *  Members are asked for their plain set, never for their chain, so no member forgets a date or shifts its grid;
 *  a member interval without start_date lies on the grid that begins with 1970.
 *  An intersection leaps from member to member; it gives up after MAX_STEPS comparisons or one 400-year cycle. */
import { CYCLE_MS } from './calendar.ts'
import { IntervalSchedule, meet } from './interval.ts'
import type { Reach, Schedule } from './schedule.ts'

/** Fires whenever a member does; never without members. */
export class UnionSchedule implements Schedule {
  readonly #members: readonly Schedule[]

  constructor(members: readonly Schedule[]) {
    // Intersections last: by then the others have told how far it is worth searching.
    const costly = (member: Schedule) => (member instanceof IntersectionSchedule ? 1 : 0)
    this.#members = [...members].sort((a, b) => costly(a) - costly(b))
  }

  start(now: number, reach: Reach): number | null {
    return this.#earliest(reach, member => member.start(now, reach))
  }

  seek(_previous: number, t: number, reach: Reach): number | null {
    return this.at(t, reach)
  }

  at(t: number, reach: Reach): number | null {
    return this.#earliest(reach, member => member.at(t, reach))
  }

  #earliest(reach: Reach, ask: (member: Schedule) => number | null): number | null {
    const { until } = reach
    let best: number | null = null
    for (const member of this.#members) {
      const fire = ask(member)
      if (fire === null || (best !== null && fire >= best)) continue
      best = fire
      reach.until = Math.min(until, fire)
    }
    reach.until = until
    return best
  }
}

/** Fires when all members do. */
class IntersectionSchedule implements Schedule {
  readonly #members: readonly Schedule[]

  constructor(members: readonly Schedule[]) {
    this.#members = members
  }

  /** Members that agree at once, past dates too, fire then; otherwise the search begins with `now`. */
  start(now: number, reach: Reach): number | null {
    const [first = null, ...others] = this.#members.map(member => member.start(now, reach))
    return first !== null && others.every(fire => fire === first) ? first : this.at(now, reach)
  }

  seek(_previous: number, t: number, reach: Reach): number | null {
    return this.at(t, reach)
  }

  at(t: number, reach: Reach): number | null {
    const count = this.#members.length
    let candidate = t
    let agreed = 0
    let horizon = reach.until
    for (let turn = 0; agreed < count; turn++) {
      if (turn === count) horizon = Math.min(horizon, candidate + CYCLE_MS)
      if (reach.steps <= 0) return null
      reach.steps -= 1
      const fire = (this.#members[turn % count] as Schedule).at(candidate, reach)
      if (fire === null || fire > horizon) return null
      agreed = fire === candidate ? agreed + 1 : 1
      candidate = fire
    }
    return candidate
  }
}

const NEVER: Schedule = { start: () => null, seek: () => null, at: () => null }

/** The intersection; plain intervals among the members are first met in one. */
export function intersection(members: readonly Schedule[]): Schedule {
  const rest: Schedule[] = []
  let grid: IntervalSchedule | null = null
  for (const member of members) {
    if (!(member instanceof IntervalSchedule)) rest.push(member)
    else if (grid === null) grid = member
    else {
      grid = meet(grid, member)
      if (grid === null) return NEVER
    }
  }
  const all = grid === null ? rest : [grid, ...rest]
  return all.length === 1 ? (all[0] as Schedule) : new IntersectionSchedule(all)
}

/** Instants `from` to `to`, both included. */
export interface Gap {
  readonly from: number
  readonly to: number
}

/** What the inner schedule fires outside the gaps. */
export class ExceptSchedule implements Schedule {
  readonly #inner: Schedule
  readonly #gaps: readonly Gap[]

  constructor(inner: Schedule, gaps: readonly Gap[]) {
    this.#inner = inner
    this.#gaps = joined(gaps)
  }

  start(now: number, reach: Reach): number | null {
    const fire = this.#inner.start(now, reach)
    return fire === null ? null : this.#outside(fire, t => this.#inner.seek(fire, t, reach))
  }

  seek(previous: number, t: number, reach: Reach): number | null {
    return this.#outside(this.#inner.seek(previous, t, reach), later => this.#inner.seek(previous, later, reach))
  }

  at(t: number, reach: Reach): number | null {
    return this.#outside(this.#inner.at(t, reach), later => this.#inner.at(later, reach))
  }

  #outside(first: number | null, after: (t: number) => number | null): number | null {
    let fire = first
    for (const gap of this.#gaps) {
      if (fire === null || fire < gap.from) return fire
      if (fire <= gap.to) fire = after(gap.to + 1)
    }
    return fire
  }
}

/** The gaps in order, overlapping ones made one. */
function joined(gaps: readonly Gap[]): readonly Gap[] {
  const result: Gap[] = []
  for (const gap of [...gaps].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1)
    if (last && gap.from <= last.to + 1) result[result.length - 1] = { from: last.from, to: Math.max(last.to, gap.to) }
    else result.push(gap)
  }
  return result
}
