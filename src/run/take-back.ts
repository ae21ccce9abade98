/** Take-back: looks once more, before a claimed run starts, whether an edit that became known since takes it back.
 *  In: a claim whose time has come. Out: why it does not start, if so. A run of whose job nothing was heard starts without a question,
 *  save that one of a crowd is looked up shortly before its time; else its document is read, many at once, and again as long as more is
 *  heard meanwhile: an event may be older than the claim, the document is not.
 *  Always holds: nothing starts while a reading that an event asked for is under way, and the last look is in the same turn as the
 *  start. */
import { type Clock, within } from '../clock.ts'
import type { Claim } from '../job/claim.ts'
import { Batches } from '../pace/batches.ts'
import type { Patience } from '../pace/patience.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Roster } from '../wheel/roster.ts'
import { JUDGED, type Judged, revoked } from './revoked.ts'

export interface TakeBackOptions {
  readonly roster: Pick<Roster, 'changes' | 'since'>
  readonly writer: Pick<Writer, 'findAll' | 'by'>
  readonly patience: Patience
  readonly timezone: string
  /** Due times are judged by it. */
  readonly clock: Clock
}

const BATCH = 500
/** A run that is due waits no longer for a look. */
const PATIENCE_MS = 500

export class TakeBack {
  readonly #options: TakeBackOptions
  readonly #readings: Batches<Claim, (job: Judged | null) => void>
  readonly #looks: Batches<Claim, (job: Judged | null | undefined) => void>

  constructor(options: TakeBackOptions) {
    this.#options = options
    this.#readings = new Batches({
      what: 'read jobs of claimed runs',
      most: BATCH,
      patience: options.patience,
      send: batch => this.#readAll(batch),
    })
    this.#looks = new Batches({
      what: 'look at jobs of claimed runs',
      most: BATCH,
      patience: options.patience,
      send: batch => this.#lookAt(batch),
    })
  }

  /** The claim as its answer shows it: with many of them that is read after the claim, and may have an edit already. */
  answered(claim: Claim): Claim {
    return this.#shownBy(claim.job, claim)
  }

  /** The claim as its document shows it now, whatever was heard; as it was, where the database does not answer soon. */
  async looked(claim: Claim): Promise<Claim> {
    const job = await new Promise<Judged | null | undefined>(resolve => this.#looks.add(claim, resolve))
    return job === undefined ? claim : this.#shownBy(job, claim)
  }

  /** Why the run does not start; undefined: it does, in this very turn. Answers at once where nothing was heard of its job. */
  reason(claim: Claim, signal: AbortSignal): Promise<string | undefined> | undefined {
    const { since, takenBack } = claim
    if (takenBack !== undefined) return Promise.resolve(takenBack)
    if (since === undefined || this.#options.roster.since(claim.job._id, since) === 'same') return undefined
    return this.#ask(claim, since, signal)
  }

  async #ask(claim: Claim, since: number, signal: AbortSignal): Promise<string | undefined> {
    const { roster, timezone, writer } = this.#options
    let hasLeft = false
    let isElsewhere = false
    for (let mark = since; !signal.aborted; ) {
      const heard = roster.since(claim.job._id, mark)
      // Of a job that has moved nothing more is heard here, unless it comes back.
      if (heard === 'same' || (heard === 'left' && isElsewhere)) return undefined
      hasLeft ||= heard !== 'changed'
      mark = roster.changes
      const job = await this.#read(claim, signal)
      if (job === undefined) return undefined
      const why = revoked(claim, job, hasLeft, timezone)
      if (why !== undefined) return why
      isElsewhere = job?.ip !== writer.by.ip
    }
    return undefined
  }

  /** The claim, and whether this document shows an edit that takes it back. */
  #shownBy(job: Judged | null, claim: Claim): Claim {
    const takenBack = revoked(claim, job, false, this.#options.timezone)
    return takenBack === undefined ? claim : { ...claim, takenBack }
  }

  /** Undefined: the run was aborted meanwhile. */
  async #read(claim: Claim, signal: AbortSignal): Promise<Judged | null | undefined> {
    const reading = new Promise<Judged | null>(resolve => this.#readings.add(claim, resolve))
    const aborted = new Promise<undefined>(resolve => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true })
    })
    return await Promise.race([reading, aborted])
  }

  async #readAll(batch: ReadonlyMap<Claim, (job: Judged | null) => void>): Promise<void> {
    const jobs = await this.#find([...batch.keys()])
    for (const [{ job }, tell] of batch) tell(jobs.get(job._id) ?? null)
  }

  /** Undefined is told where no answer has come when a run has waited for too long. */
  async #lookAt(batch: ReadonlyMap<Claim, (job: Judged | null | undefined) => void>): Promise<void> {
    const claims = [...batch.keys()]
    const left = Math.min(...claims.map(({ at }) => at)) + PATIENCE_MS - this.#options.clock.now()
    const jobs = await within(this.#find(claims), Math.max(0, left), () => undefined).catch(() => undefined)
    for (const [{ job }, tell] of batch) tell(jobs && (jobs.get(job._id) ?? null))
  }

  /** Of their documents, what may take them back. */
  async #find(claims: readonly Claim[]): Promise<ReadonlyMap<string, Judged>> {
    const ids = [...new Set(claims.map(({ job }) => job._id))]
    const found = await this.#options.writer.findAll({ _id: { $in: ids } }, JUDGED)
    return new Map(found.map(job => [job._id, job]))
  }
}
