/** Schedule: what every kind of trigger becomes when it is parsed, a set of instants (epoch ms) asked for its next.
 *  `start` and `seek` follow APScheduler's chain, `at` is the plain set that unions and intersections are made of.
 *  All three give null when nothing is left, work in bounded steps and never read a clock. */

/** How far a search may go; shared by all parts of one question. */
export interface Reach {
  /** Instants later than this are of no interest: null may be answered instead of one. */
  until: number
  /** Comparisons that intersections may still make. */
  steps: number
}

/** An intersection whose members do not meet within so many comparisons is taken never to fire. */
const MAX_STEPS = 100_000

export const fullReach = (): Reach => ({ until: Infinity, steps: MAX_STEPS })

/** The last instant a Date can hold. */
export const LAST_INSTANT = 8.64e15

export interface Schedule {
  /** First fire time of a trigger that starts at `now`. */
  start(now: number, reach: Reach): number | null
  /** First fire time >= `t` (which is > `previous`) of the chain that goes on from `previous`. */
  seek(previous: number, t: number, reach: Reach): number | null
  /** First fire time >= `t` of the trigger by itself. */
  at(t: number, reach: Reach): number | null
}
