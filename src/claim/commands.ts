/** Commands: takes runs by one atomic write each, which also writes the next run time back.
 *  In: orders. Out: for each, won (with the document as it was claimed), lost, or refused as malformed. Many orders go out as
 *  one unordered bulk of the same guarded updates, whose winners are found by run id.
 *  Always holds: nothing is called won on a guess. A write whose answer was lost is looked up by its run id, with majority,
 *  until the database says what became of it. */
import { type Clock, monotonicNow, systemClock } from '../clock.ts'
import type { Job, RunningEntry } from '../job/job.ts'
import { Gate } from '../pace/gate.ts'
import type { Patience } from '../pace/patience.ts'
import { claimWrite, markOf, type Order, runningOf, skipWrite } from '../protocol/claim.ts'
import { droppedSkip, type Noting, type Skip, skipOf, type Unrun } from '../protocol/skips.ts'
import type { Fields, Write } from '../protocol/write.ts'
import { MAX_TIME_MS, type Writer } from '../protocol/writer.ts'
import type { Book } from '../run/book.ts'
import { jitterOf } from '../wheel/entry.ts'
import type { Lead } from './lead.ts'

export interface Won {
  readonly order: Order
  readonly type: 'won'
  /** The document after the claim. */
  readonly job: Job
  /** Of one of many: when that was read at the earliest, in epoch ms. */
  readonly seen?: number
  /** Absent where nothing was to run. */
  readonly running?: RunningEntry
  /** Due times that do not run. */
  readonly skips: readonly Skip[]
}

export type Answer =
  | Won
  /** `doubted`: the write may still come. */
  | { readonly order: Order; readonly type: 'lost'; readonly doubted?: boolean }
  /** The document does not let itself be written: its `state` is not ours, or the validator is newer than it. */
  | { readonly order: Order; readonly type: 'malformed'; readonly error: Error }

/** What became of many orders. */
export interface Answers {
  readonly known: readonly Answer[]
  /** Of which the database has still to tell, each in its time: the others need not wait. */
  readonly late: readonly { readonly order: Order; readonly answer: Promise<Answer> }[]
}

/** What becomes of an order's run: it goes on, is skipped for want of room, or waits for room. */
export type How = 'run' | 'skip' | 'queue'

export interface CommandsOptions {
  readonly writer: Pick<Writer, 'take' | 'send' | 'find' | 'findAll' | 'stamp' | 'by'>
  /** Gives run ids; until one is forgotten, an entry of it in a document is not a dead one. */
  readonly book: Pick<Book, 'newId' | 'forget'>
  /** Learns how long claims take. */
  readonly lead: Pick<Lead, 'add' | 'begin' | 'end'>
  readonly patience: Pick<Patience, 'pause' | 'failed'>
  readonly clock: Clock
}

/** One write of a claim, and how to tell that it came. */
interface Command {
  readonly order: Order
  readonly write: Write
  readonly touch: string
  readonly running?: RunningEntry
  readonly skips: readonly Skip[]
  /** What the document holds after this write and no other. */
  readonly mark: Fields
  /** Run ids that are given back when it comes to nothing. */
  readonly runs: readonly string[]
}

/** Questions after lost answers. */
const AT_ONCE = 8
/** Between two questions after a lost answer the wait grows so many times. */
const SEVERAL = 3

export class Commands {
  readonly #options: CommandsOptions
  readonly #gate = new Gate(AT_ONCE)

  constructor(options: CommandsOptions) {
    this.#options = options
  }

  /** Claims one order; unless it is to run it only moves the schedule on, whatever runs: the run time is skipped, or queued. */
  async one(order: Order, how: How = 'run'): Promise<Answer> {
    const { lead, writer } = this.#options
    const command = this.#commandOf(order, how)
    const began = monotonicNow(systemClock)
    const taken = await writer.take(command.write, { limited: true, touches: [command.touch] })
    if (taken.type === 'refused') return this.#malformed(command, taken.error)
    if (taken.type === 'undecided') return await this.#lookUp(command)
    lead.add(monotonicNow(systemClock) - began)
    return this.#answer(command, taken.job)
  }

  /** Claims many orders in one round trip and a look at who won. Only orders that run something. */
  async many(orders: readonly Order[]): Promise<Answers> {
    const { lead } = this.#options
    lead.begin(monotonicNow(systemClock))
    try {
      return await this.#bulk(orders)
    } finally {
      lead.end(orders.length, monotonicNow(systemClock))
    }
  }

  async #bulk(orders: readonly Order[]): Promise<Answers> {
    const { writer } = this.#options
    const commands = orders.map(order => this.#commandOf(order, 'run'))
    const sent = await writer.send(
      commands.map(({ write }) => write),
      { limited: true, touches: commands.map(({ touch }) => touch) },
    )
    const seen = this.#options.clock.now()
    let found: readonly Job[]
    try {
      found = await writer.findAll({
        _id: { $in: orders.map(({ entry }) => entry.id) },
        'state.running.run_id': { $in: commands.flatMap(({ running }) => running?.run_id ?? []) },
      })
    } catch {
      // Who won is asked of each document, until the database says so.
      return { known: await this.#eachLookedUp(commands), late: [] }
    }
    const byRun = new Map(found.flatMap(job => (job.state?.running ?? []).map(entry => [entry?.run_id, job] as const)))
    // A primary that was elected in between may not know yet what the majority has, and some may be undecided: then who is not found may
    // have won all the same.
    const all = sent.matched <= found.length && sent.verdicts.every(({ type }) => type !== 'undecided')
    const known: Answer[] = []
    const unknown: Command[] = []
    commands.forEach((command, i) => {
      const verdict = sent.verdicts[i]
      const job = byRun.get(command.running?.run_id ?? '')
      if (verdict?.type === 'refused') known.push(this.#malformed(command, verdict.error))
      else if (job === undefined && !all) unknown.push(command)
      else known.push(this.#answer(command, job ?? null, seen))
    })
    if (known.length === 0) return { known: await this.#eachLookedUp(unknown), late: [] }
    return { known, late: unknown.map(command => ({ order: command.order, answer: this.#lookUp(command) })) }
  }

  #commandOf(order: Order, how: How): Command {
    const { book, clock, writer } = this.#options
    const { id } = order.entry
    const now = clock.now()
    const runs: string[] = []
    const newRunId = () => {
      const run = book.newId()
      runs.push(run)
      return run
    }
    const touch = writer.stamp(id)
    const skips = skipsOf(order, how, { by: writer.by, now, newRunId })
    if (how === 'run' && order.run_time !== undefined) {
      const running = runningOf(order, writer.by, newRunId(), new Date(now))
      const write = claimWrite(order, writer.by.ip, running, skips)
      return { order, write, touch, running, skips, mark: markOf({ running, touch }), runs }
    }
    const queued = how === 'queue' ? newRunId() : undefined
    const write = skipWrite(order, writer.by.ip, skips, queued)
    return { order, write, touch, skips, mark: markOf({ queued, skip: skips[0]?.entry, touch }), runs }
  }

  #answer({ order, running, skips, runs }: Command, job: Job | null, seen?: number): Answer {
    if (job !== null)
      return { order, type: 'won', job, skips, ...(running && { running }), ...(seen !== undefined && { seen }) }
    for (const run of runs) this.#options.book.forget(run)
    return { order, type: 'lost' }
  }

  #malformed({ order, runs }: Command, error: Error): Answer {
    for (const run of runs) this.#options.book.forget(run)
    return { order, type: 'malformed', error }
  }

  #eachLookedUp(commands: readonly Command[]): Promise<readonly Answer[]> {
    return Promise.all(commands.map(command => this.#lookUp(command)))
  }

  /** What became of a write whose answer was lost: the document tells by its mark. Where the primary has it and a majority has not, that
   *  lags behind, and is waited for; only what neither has is lost. */
  async #lookUp(command: Command): Promise<Answer> {
    const { patience, writer } = this.#options
    const filter = { _id: command.order.entry.id, ...command.mark }
    let missedAt: number | undefined
    for (let attempt = 0; ; attempt++) {
      await patience.pause(Math.min(attempt, SEVERAL))
      try {
        const job = await this.#gate.through(() => writer.find(filter, { maxTimeMS: MAX_TIME_MS }))
        if (job !== null) return this.#answer(command, job)
        // A server that was frozen begins with the write when it answers again, and gives it up after this time.
        missedAt ??= monotonicNow(systemClock)
        if (monotonicNow(systemClock) - missedAt <= MAX_TIME_MS) continue
        if ((await writer.find(filter, { maxTimeMS: MAX_TIME_MS, local: true })) !== null) continue
        return { ...this.#answer(command, null), doubted: true } as Answer
      } catch (error) {
        // Whatever kept it from being told, a broken socket too, it is asked again.
        patience.failed('look up claims', error)
      }
    }
  }
}

/** What an order's write notes. With `coalesce` one entry stands for all times that are too late; without, each has its own. */
function skipsOf(order: Order, how: How, noting: Noting): readonly Skip[] {
  const { entry, missed, dropped, coalesced, run_time, scheduled, to } = order
  const skip = (unrun: Unrun): Skip => ({
    entry: skipOf(entry.id, unrun, noting),
    late: Math.max(0, noting.now - unrun.time - jitterOf(entry, unrun.time)),
  })
  const times = entry.coalesce ? missed.slice(-1) : missed
  const count = entry.coalesce ? coalesced : 1
  return [
    ...(dropped === undefined ? [] : [droppedSkip(dropped, noting)]),
    ...times.map(time => skip({ time, status: 'missed', scheduled, coalesced: count })),
    ...(how === 'skip' && run_time !== undefined
      ? [skip({ time: to, status: 'max_instances', scheduled, coalesced })]
      : []),
  ]
}
