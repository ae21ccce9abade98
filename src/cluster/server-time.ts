/** Server time: what a node does about a wall clock that is far from the server's.
 *  In: a clock, and by how much it is ahead of the server's, as heartbeats measure it. Out: clocks by which due times are judged,
 *  put right where the machine's own is off by more than five seconds; and news of an offset, and of a wall clock that was set.
 *  Waiting and durations stay the machine's own: no correction ends a wait or changes a length. */
import { type Clock, monotonicNow, systemClock } from '../clock.ts'
import type { News } from '../event.ts'

export interface ServerTimeContext {
  readonly clock: Clock
  /** Milliseconds by which the clock is ahead of the server's, as last measured. */
  readonly offset: () => number
  /** Measures it now. */
  readonly measure: () => Promise<void>
  readonly emit: (news: News<'clock.jumped'>) => void
}

/** So far off the machine's own clock is not believed. */
const MOST_OFFSET_MS = 5_000
/** A clock that is further off is worth a warning. */
const WARNED_OFFSET_MS = 500

export class ServerTime {
  readonly #context: ServerTimeContext
  /** The offset that was told last. */
  #told = 0
  /** Steps of the clock whose offset is being measured. */
  #jumps = 0

  constructor(context: ServerTimeContext) {
    this.#context = context
  }

  /** The clock by which due times are judged. */
  judging(): Clock {
    const { clock } = this.#context
    return {
      now: () => clock.now() + this.#correction(),
      monotonic: () => monotonicNow(clock),
      schedule: clock.schedule.bind(clock),
    }
  }

  /** The server's time as the last heartbeat measured it, in epoch ms. */
  serverNow(): number {
    const { clock, offset } = this.#context
    return (clock.heartbeats ?? clock).now() - offset()
  }

  /** The same for one who compares wall and monotonic time to see steps: a correction is none. */
  stepping(): Clock {
    return { ...this.judging(), monotonic: () => monotonicNow(this.#context.clock) + this.#correction() }
  }

  /** A heartbeat measured the offset: one that is another than the last is told. */
  measured(): void {
    const offset = this.#context.offset()
    if (!this.#isReal || this.#jumps > 0 || Math.abs(offset - this.#told) <= WARNED_OFFSET_MS) return
    this.#told = offset
    this.#context.emit({ type: 'clock.jumped', by: 0, offset: Math.round(offset) })
  }

  /** The wall clock was set: tells by how much it is off now. Rejects when that cannot be measured. */
  async jumped(by: number): Promise<void> {
    const { offset, measure, emit } = this.#context
    const jumped = { type: 'clock.jumped', by: Math.round(by) } as const
    if (!this.#isReal) return emit(jumped)
    this.#jumps++
    try {
      await measure()
    } finally {
      this.#jumps--
    }
    this.#told = offset()
    emit({ ...jumped, offset: Math.round(this.#told) })
  }

  /** Ms to add to the machine's wall clock. */
  #correction(): number {
    const offset = this.#context.offset()
    return this.#isReal && Math.abs(offset) > MOST_OFFSET_MS ? -offset : 0
  }

  /** A clock that tests move by hand is off by design. */
  get #isReal(): boolean {
    return this.#context.clock === systemClock
  }
}
