/** Server time: what a node does about a wall clock that is far from the server's.
 *  In: a clock, and what was measured. Out: a clock by which due times are judged, put right where the machine's own is off by
 *  more than five seconds. Waiting and durations stay the machine's own: no correction ends a wait or changes a length. */
import { type Clock, monotonicNow } from '../clock.ts'

/** So far off the machine's own clock is not believed. */
const MOST_OFFSET_MS = 5_000

/** Ms to add to the machine's wall clock, given by how much it is ahead of the server's. */
export const correctionOf = (offset: number): number => (Math.abs(offset) > MOST_OFFSET_MS ? -offset : 0)

/** The clock by which due times are judged. */
export const judging = (clock: Clock, correction: () => number): Clock => ({
  now: () => clock.now() + correction(),
  monotonic: () => monotonicNow(clock),
  schedule: clock.schedule.bind(clock),
})

/** The same for one who compares wall and monotonic time to see steps: a correction is none. */
export const stepping = (clock: Clock, correction: () => number): Clock => ({
  ...judging(clock, correction),
  monotonic: () => monotonicNow(clock) + correction(),
})
