/** Plans: writes back what the roster planned, in bulk and behind the armed wheel.
 *  In: plan writes, the latest for each job counts. Out: their effect in the database, or the wish to read a document again.
 *  Each write is guarded by what it was computed from (ip, next run time, trigger): a person's edit wins and comes as the next
 *  change. One bulk at a time; nothing waits for it but a copied document. */
import { type Collection, MongoBulkWriteError } from 'mongodb'
import type { Job } from '../job/job.ts'
import type { PlanWrite } from '../wheel/entry.ts'
import { freshState, isExactly } from './guards.ts'

export interface PlansContext {
  readonly jobs: Collection<Job>
  readonly ip: string
  readonly freshTouch: () => string
  /** It is written, and memory may say so. */
  readonly wrote: (write: PlanWrite) => void
  /** A person's edit came first, or the document refused it: it is to be read again. */
  readonly overtaken: (id: string) => void
  /** Waits before a failed write is tried again; rejects when the node ends. */
  readonly pause: (attempt: number) => Promise<void>
}

const BATCH = 500
/** A document that refuses its plan so often is left until somebody edits it or its time comes. */
const TRIES = 3

export class Plans {
  readonly #context: PlansContext
  readonly #queue = new Map<string, PlanWrite>()
  readonly #tries = new Map<string, number>()
  #work: Promise<void> | undefined

  constructor(context: PlansContext) {
    this.#context = context
  }

  push(write: PlanWrite): void {
    this.#queue.delete(write.id)
    this.#queue.set(write.id, write)
    this.#work ??= this.#run()
  }

  async idle(): Promise<void> {
    while (this.#work !== undefined) await this.#work
  }

  async #run(): Promise<void> {
    await null
    for (let attempt = 0; this.#queue.size > 0; ) {
      const batch = [...this.#queue.values()].slice(0, BATCH)
      for (const { id } of batch) this.#queue.delete(id)
      try {
        await this.#write(batch)
        attempt = 0
      } catch {
        for (const write of batch) if (!this.#queue.has(write.id)) this.#queue.set(write.id, write)
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

  async #write(batch: readonly PlanWrite[]): Promise<void> {
    const operations = batch.map(write => ({
      updateOne: operationOf(write, this.#context.ip, this.#context.freshTouch()),
    }))
    let matched = -1
    try {
      matched = (await this.#context.jobs.bulkWrite(operations as never, { ordered: false })).matchedCount
    } catch (error) {
      if (!(error instanceof MongoBulkWriteError) || error.writeErrors === undefined) throw error
    }
    if (matched === batch.length) {
      for (const write of batch) {
        this.#tries.delete(write.id)
        this.#context.wrote(write)
      }
      return
    }
    for (const { id } of batch) {
      const tries = (this.#tries.get(id) ?? 0) + 1
      if (tries < TRIES) this.#context.overtaken(id)
      if (tries < TRIES) this.#tries.set(id, tries)
      else this.#tries.delete(id)
    }
  }
}

function operationOf(write: PlanWrite, ip: string, touch: string) {
  const { id, stored, trigger, due, ordered, fingerprint, error, copied, unpaused } = write
  const filter = { _id: id, ip, next_run_time: isExactly(stored), trigger }
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
  return { filter, update: { $set, ...(Object.keys($unset).length > 0 && { $unset }) } }
}
