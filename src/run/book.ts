/** Book: every run that this process has claimed, from the moment its id is made until its end is stored.
 *  In: what the stages do with a run. Out: whose it is, in which state, and how many there are of a job or in an executor.
 *  States: claimed (asked for, or won and about to be performed) → going → storing → gone; waiting (claimed, to start later) → claimed.
 *  An end that has a next start is stored under the old id while the next one waits. Each method below is one arrow.
 *  Holds: a run in the book is ours: no entry of it in a document is a dead one. No I/O. */
import type { Claim } from '../job/claim.ts'
import type { Ticker } from '../wheel/ticker.ts'
import { Later } from './later.ts'
import type { Places } from './places.ts'

/** Why a run is aborted. */
export interface Abort {
  readonly status: 'timeout' | 'cancelled' | 'interrupted'
  readonly message: string
}

type State = 'claimed' | 'waiting' | 'going' | 'storing'

interface Booked {
  /** Which id this is, of all that were made here. */
  readonly made: number
  state: State
  /** Absent: nobody knows yet whether it was won. */
  claim?: Claim
  abort?: AbortController
  /** It counts among its job's runs. */
  counted: boolean
}

export interface BookOptions {
  /** Say how many of the runs that waited may go on. */
  readonly places: Pick<Places, 'spare' | 'admit' | 'admitted'>
  /** Looks again when a run waits. */
  readonly ticker: Pick<Ticker, 'poke'>
  /** A new run id. */
  readonly newId: () => string
  /** Milliseconds that never step. */
  readonly monotonic: () => number
  readonly now: number
}

/** The runs of a job that are performed or being stored, and when the latest of them began, by `monotonic`. */
export interface OpenRuns {
  readonly runs: number
  readonly since: number
}

const NOT_OPEN: OpenRuns = { runs: 0, since: 0 }

export class Book {
  readonly #options: BookOptions
  readonly #runs = new Map<string, Booked>()
  readonly #open = new Map<string, OpenRuns>()
  /** The latest end of each job that is being stored. */
  readonly #storing = new Map<string, Promise<void>>()
  readonly #later: Later
  #made = 0
  #going = 0

  constructor(options: BookOptions) {
    this.#options = options
    this.#later = new Later(options.now)
  }

  /** How many runs go on. */
  get going(): number {
    return this.#going
  }

  /** Whether no run is asked for, going on or being stored; those that wait for a later start do not count. */
  get isIdle(): boolean {
    return this.#options.places.admitted === 0 && [...this.#runs.values()].every(({ state }) => state === 'waiting')
  }

  /** How many run ids were made so far. */
  get made(): number {
    return this.#made
  }

  /** → claimed: a new run id, to be asked for. */
  newId(): string {
    const id = this.#options.newId()
    this.#runs.set(id, { made: this.#made++, state: 'claimed', counted: false })
    return id
  }

  /** claimed → gone: nobody got it, or it is somebody else's. */
  forget(runId: string): void {
    this.#runs.delete(runId)
  }

  /** Whether this process claimed the run and has not stored its end. */
  has(runId: string): boolean {
    return this.#runs.has(runId)
  }

  /** Which run id it is, of all that were made here; undefined: it is not in the book. */
  madeAs(runId: string): number | undefined {
    return this.#runs.get(runId)?.made
  }

  /** The fence of its claim; undefined: it is not in the book, or its claim is still under way. */
  fenceOf(runId: string): bigint | undefined {
    return this.#runs.get(runId)?.claim?.fence
  }

  /** Ids of all runs in the book. */
  ids(): IterableIterator<string> {
    return this.#runs.keys()
  }

  /** Of all runs that are known to be won. */
  *claims(): Generator<Claim> {
    for (const { claim } of this.#runs.values()) if (claim !== undefined) yield claim
  }

  /** claimed → waiting: it starts at its time. */
  wait(claim: Claim): void {
    this.#become(claim.entry.run_id, 'waiting').claim = claim
    this.#later.put(claim)
    this.#options.ticker.poke()
  }

  /** When the next waiting run starts. */
  nextAt(): number | null {
    return this.#later.nextAt()
  }

  /** Whether runs that waited, and whose time has come, find no place in this executor. */
  isKept(executor: string): boolean {
    return this.#later.isKept(executor)
  }

  /** waiting → claimed: those whose time has come and that find a place at once: a start that dies without one would count. */
  takeDue(now: number): readonly Claim[] {
    const { places } = this.#options
    const claims = this.#later.takeDue(now, executor => places.spare(executor))
    for (const { entry, executor } of claims) {
      this.#become(entry.run_id, 'claimed')
      places.admit(executor)
    }
    return claims
  }

  /** claimed → going: what aborts it. */
  enter(claim: Claim): AbortSignal {
    const booked = this.#become(claim.entry.run_id, 'going')
    booked.claim = claim
    booked.abort = new AbortController()
    booked.counted = true
    this.#going++
    this.#count(claim.job._id, 1)
    return booked.abort.signal
  }

  /** going, waiting or claimed → storing: its end is known, and stored when the promise resolves. */
  ended(runId: string, jobId: string, stored: Promise<void>): void {
    const booked = this.#runs.get(runId)
    if (booked !== undefined) {
      if (booked.state === 'going') this.#going--
      if (booked.state === 'waiting') this.#later.remove(runId)
      booked.state = 'storing'
    }
    this.#storing.set(jobId, stored)
    void stored.then(() => {
      if (this.#storing.get(jobId) === stored) this.#storing.delete(jobId)
    })
  }

  /** storing → gone. */
  stored(runId: string): void {
    const booked = this.#runs.get(runId)
    this.#runs.delete(runId)
    if (booked?.counted === true && booked.claim !== undefined) this.#count(booked.claim.job._id, -1)
  }

  /** Resolves when the ends of the job's runs that are known by now are stored; undefined: there are none. */
  storing(jobId: string): Promise<void> | undefined {
    return this.#storing.get(jobId)
  }

  open(jobId: string): OpenRuns {
    return this.#open.get(jobId) ?? NOT_OPEN
  }

  /** Runs of a job that go on, longest going first, or that wait. */
  runsOf(jobId: string, state: 'going' | 'waiting'): readonly Claim[] {
    return [...this.#runs.values()].flatMap(booked =>
      booked.state === state && booked.claim?.job._id === jobId ? [booked.claim] : [],
    )
  }

  /** Aborts a run; false: it does not go on here. */
  abort(runId: string, why: Abort): boolean {
    const booked = this.#runs.get(runId)
    if (booked?.state !== 'going') return false
    booked.abort?.abort(why)
    return true
  }

  abortAll(why: Abort): void {
    for (const runId of [...this.#runs.keys()]) this.abort(runId, why)
  }

  #become(runId: string, state: State): Booked {
    const booked = this.#runs.get(runId) ?? { made: this.#made++, state, counted: false }
    this.#runs.set(runId, booked)
    booked.state = state
    return booked
  }

  #count(jobId: string, more: number): void {
    const { runs, since } = this.open(jobId)
    if (runs + more > 0)
      this.#open.set(jobId, { runs: runs + more, since: more > 0 ? this.#options.monotonic() : since })
    else this.#open.delete(jobId)
  }
}
