/** Plans: writes back what the roster planned, in bulk and behind the armed wheel.
 *  In: ids of jobs whose plan memory made. Out: their effect in the database, or the wish to read a document again.
 *  Each write is guarded by what it was computed from (ip, next run time, trigger): a person's edit wins and comes as the next
 *  change. One bulk at a time; nothing waits for it but a copied document. What is due already is left to its claim. */
import { type Clock, systemClock, wait } from '../clock.ts'
import { Batches } from '../pace/batches.ts'
import { Gate } from '../pace/gate.ts'
import type { Patience } from '../pace/patience.ts'
import { planWrite } from '../protocol/claim.ts'
import { droppedSkip, skipped } from '../protocol/skips.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Book } from '../run/book.ts'
import type { Runs } from '../run/runs.ts'
import type { PlanWrite } from '../wheel/entry.ts'
import type { Roster } from '../wheel/roster.ts'
import type { Permit } from './permit.ts'

export interface PlansOptions {
  readonly roster: Pick<Roster, 'planOf' | 'wrote' | 'overtaken'>
  readonly writer: Pick<Writer, 'send' | 'by'>
  readonly book: Pick<Book, 'newId' | 'forget'>
  readonly runs: Pick<Runs, 'settle'>
  readonly follower: { read(id: string): void }
  readonly permit: Pick<Permit, 'isGiven'>
  readonly patience: Patience
  readonly clock: Clock
}

const BATCH = 500
/** Of those that go alone. */
const AT_ONCE = 8
/** In a storm of changes writing waits until it is over, or this long: arming comes first, and claims do not need the plan. */
const STORM = 1_000
const CALM_MS = 200
const LONGEST_STORM_MS = 10_000
/** What is due is about to be claimed, which writes the plan's next: only what has not been claimed after this is planned, too. */
const UNCLAIMED_MS = 60_000

export class Plans {
  readonly #options: PlansOptions
  /** Whether the plan of a job may be left to its claim. */
  readonly #batches: Batches<string, boolean>
  readonly #gate = new Gate(AT_ONCE)
  /** Jobs that are due, and wait for their claim. */
  #due = new Set<string>()
  /** Until these have not been claimed for too long. */
  #unclaimed: { unsubscribe(): void } | undefined
  #pushed = 0
  /** How many had come when it was calm last. */
  #calmAt = -1

  constructor(options: PlansOptions) {
    this.#options = options
    this.#batches = new Batches({
      what: 'write plans',
      most: BATCH,
      patience: options.patience,
      ready: () => this.#calm(),
      send: batch => this.#write(batch),
    })
  }

  /** Writes the plan of a job when its turn comes, as memory has it then. */
  push(id: string): void {
    this.#add(id, true)
  }

  #add(id: string, mayBeLeft: boolean): void {
    this.#pushed++
    this.#batches.add(id, mayBeLeft)
  }

  /** Whether the node is about to claim what is planned. */
  #isClaimedNext({ copied, due }: PlanWrite): boolean {
    const { clock, permit } = this.#options
    return permit.isGiven && due !== undefined && !copied && due <= clock.now()
  }

  /** A plan of its own would be a second write, and meet the claim on its way. */
  #leave(id: string): void {
    this.#due.add(id)
    this.#unclaimed ??= systemClock.schedule(() => {
      this.#unclaimed = undefined
      const due = this.#due
      this.#due = new Set()
      for (const one of due) this.#add(one, false)
    }, UNCLAIMED_MS)
  }

  async idle(): Promise<void> {
    await this.#batches.idle()
  }

  /** Nothing that is left to its claim is planned any more. */
  end(): void {
    this.#unclaimed?.unsubscribe()
  }

  /** Waits while many plans keep coming. */
  async #calm(): Promise<void> {
    for (let waited = 0; waited < LONGEST_STORM_MS && this.#batches.size > STORM; waited += CALM_MS) {
      const before = this.#pushed
      if (before === this.#calmAt) return
      await wait(CALM_MS)
      this.#calmAt = this.#pushed === before ? before : -1
    }
  }

  /** What drops a due run goes alone: only who knows that the write took place may tell of that run. */
  async #write(batch: ReadonlyMap<string, boolean>): Promise<void> {
    const plans = [...batch].flatMap(([id, mayBeLeft]) => {
      const plan = this.#options.roster.planOf(id)
      if (plan === undefined) return []
      if (!mayBeLeft || !this.#isClaimedNext(plan)) return [plan]
      this.#leave(id)
      return []
    })
    const together = plans.filter(plan => plan.dropped === undefined)
    const alone = plans.filter(plan => plan.dropped !== undefined).map(plan => [plan])
    const parts = [...alone, ...(together.length > 0 ? [together] : [])]
    await Promise.all(parts.map(part => this.#gate.through(() => this.#writeAll(part))))
  }

  async #writeAll(plans: readonly PlanWrite[]): Promise<void> {
    const { book, clock, follower, roster, runs, writer } = this.#options
    const noting = { by: writer.by, now: clock.now(), newRunId: () => book.newId() }
    const skips = plans.map(({ dropped }) => dropped && droppedSkip(dropped, noting))
    const sent = await writer.send(plans.map((plan, i) => planWrite(plan, writer.by.ip, skips[i])))
    if (sent.matched === plans.length) {
      plans.forEach((plan, i) => {
        roster.wrote(plan)
        const skip = skips[i]
        if (skip?.job !== undefined) runs.settle(skipped(skip, skip.job, clock.now()))
      })
      return
    }
    // Where an answer was lost the document may tell of a dropped run: it is read again, and the run is found there.
    for (const skip of skips) if (skip !== undefined) book.forget(skip.entry.run_id)
    if (sent.failure !== undefined) throw sent.failure
    for (const { id } of plans) if (roster.overtaken(id)) follower.read(id)
  }
}
