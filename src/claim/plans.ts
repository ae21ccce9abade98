/** Plans: writes back what the roster planned, in bulk and behind the armed wheel.
 *  In: ids of jobs whose plan memory made. Out: their effect in the database, or the wish to read a document again.
 *  Each write is guarded by what it was computed from (ip, next run time, trigger): a person's edit wins and comes as the next
 *  change. One bulk at a time; nothing waits for it but a copied document. */
import { type Collection, MongoBulkWriteError } from 'mongodb'
import type { Job } from '../job/job.ts'
import { noting } from '../job/outcome.ts'
import type { PlanWrite } from '../wheel/entry.ts'
import { freshState, isExactly } from './guards.ts'
import { droppedSkip, type Noting, type Skip } from './skips.ts'

export interface PlansContext {
  readonly jobs: Collection<Job>
  readonly ip: string
  readonly freshTouch: (id: string) => string
  /** What to write for a job, as memory has it now; undefined: nothing any more. */
  readonly planOf: (id: string) => PlanWrite | undefined
  /** It is written, and memory may say so; `skip`: the due run that it dropped. */
  readonly wrote: (write: PlanWrite, skip: Skip | undefined) => void
  readonly skipping: () => Noting
  readonly forgetRun: (runId: string) => void
  /** A person's edit came first, or the document refused it: it is to be read again. */
  readonly overtaken: (id: string) => void
  readonly wait: (ms: number) => Promise<void>
  /** Waits before a failed write is tried again; rejects when the node ends. */
  readonly pause: (attempt: number) => Promise<void>
}

const BATCH = 500
/** In a storm of changes writing waits until it is over, or this long: arming comes first, and claims do not need the plan. */
const STORM = 1_000
const CALM_MS = 200
const LONGEST_STORM_MS = 10_000

export class Plans {
  readonly #context: PlansContext
  readonly #queue = new Set<string>()
  #work: Promise<void> | undefined
  #pushed = 0
  /** How many had come when it was calm last. */
  #calmAt = -1

  constructor(context: PlansContext) {
    this.#context = context
  }

  push(id: string): void {
    this.#pushed++
    this.#queue.add(id)
    this.#work ??= this.#run()
  }

  async idle(): Promise<void> {
    while (this.#work !== undefined) await this.#work
  }

  async #run(): Promise<void> {
    await null
    for (let attempt = 0; this.#queue.size > 0; ) {
      await this.#calm()
      const batch = this.#take()
      if (batch.length === 0) continue
      try {
        await this.#write(batch)
        attempt = 0
      } catch {
        for (const { id } of batch) this.#queue.add(id)
        if (
          !(await this.#context.pause(attempt++).then(
            () => true,
            () => false,
          ))
        )
          break
      }
    }
    this.#work = undefined
  }

  /** Waits while many plans keep coming. */
  async #calm(): Promise<void> {
    const { wait } = this.#context
    for (let waited = 0; waited < LONGEST_STORM_MS && this.#queue.size > STORM; waited += CALM_MS) {
      const before = this.#pushed
      if (before === this.#calmAt) return
      await wait(CALM_MS)
      this.#calmAt = this.#pushed === before ? before : -1
    }
  }

  #take(): readonly PlanWrite[] {
    const batch: PlanWrite[] = []
    for (const id of this.#queue) {
      if (batch.length === BATCH) break
      this.#queue.delete(id)
      const write = this.#context.planOf(id)
      if (write !== undefined) batch.push(write)
    }
    return batch
  }

  /** What drops a due run goes alone: only who knows that the write took place may tell of that run. */
  async #write(batch: readonly PlanWrite[]): Promise<void> {
    const alone = batch.filter(write => write.dropped !== undefined).map(write => [write])
    const together = batch.filter(write => write.dropped === undefined)
    await Promise.all([...alone, ...(together.length > 0 ? [together] : [])].map(part => this.#writeAll(part)))
  }

  async #writeAll(batch: readonly PlanWrite[]): Promise<void> {
    const { ip, freshTouch, skipping, forgetRun, wrote } = this.#context
    const skips = batch.map(({ dropped }) => dropped && droppedSkip(dropped, skipping()))
    const operations = batch.map((write, i) => ({ updateOne: operationOf(write, ip, freshTouch(write.id), skips[i]) }))
    // Where an answer was lost the document may tell of a dropped run: it is read again, and the run is found there.
    const forget = () => {
      for (const skip of skips) if (skip !== undefined) forgetRun(skip.entry.run_id)
    }
    let matched = -1
    try {
      matched = (await this.#context.jobs.bulkWrite(operations as never, { ordered: false })).matchedCount
    } catch (error) {
      const failed = error instanceof MongoBulkWriteError ? [error.writeErrors ?? []].flat() : []
      if (failed.length === 0) {
        forget()
        throw error
      }
    }
    if (matched === batch.length) {
      batch.forEach((write, i) => {
        wrote(write, skips[i])
      })
      return
    }
    forget()
    for (const { id } of batch) this.#context.overtaken(id)
  }
}

function operationOf(write: PlanWrite, ip: string, touch: string, skip: Skip | undefined) {
  const { id, stored, trigger, due, ordered, claimedTo, fingerprint, error, copied, unpaused } = write
  const filter = { _id: id, ip, next_run_time: isExactly(stored), ...(trigger !== undefined && { trigger }) }
  const at = due === undefined ? undefined : new Date(due)
  const planned = at && { next_run_time: at, trigger: fingerprint, ...(ordered === true && { ordered }) }
  const next = at && { next_run_time: at }
  if (copied) {
    const state = { ...freshState(id), ...(planned && { planned }), ...(error !== null && { error }) }
    return { filter: { ...filter, 'state.job': { $ne: id } }, update: { $set: { ...next, state, touch } } }
  }
  const $set = {
    ...next,
    touch,
    'state.job': id,
    ...(unpaused && { 'state.failures': 0 }),
    ...(planned && { 'state.planned': planned }),
    ...(error !== null && { 'state.error': error }),
  }
  const $unset = {
    ...(error === null && { 'state.error': '' }),
    ...(at && { 'state.over': '', 'state.paused_by': '' }),
  }
  // A pause for failures that memory does not know yet is read first: whoever ends it counts them anew.
  const paused = at && { 'state.paused_by': { $exists: unpaused } }
  const $max = claimedTo !== undefined && { 'state.claimed_to': new Date(claimedTo) }
  const $push = skip && noting([skip.entry])
  const more = { ...($max && { $max }), ...($push && { $push }) }
  return {
    filter: { ...filter, ...paused },
    update: { $set, ...(Object.keys($unset).length > 0 && { $unset }), ...more },
  }
}
