/** Places: how many runs each executor performs at once, and for how many more the node may claim.
 *  In: runs that are to be claimed, runs whose time has come, runs that ended. Out: how many more may be claimed, and turns: who comes
 *  when all places are taken waits for one, first come, first served.
 *  A claim takes no place: a run is claimed before it is due, and most are over in a moment. What is claimed and has not started is bounded
 *  by what the executor can start soon, as far as its last runs tell; all else stays unclaimed, so that other nodes can take it over. */
import type { Ticker } from '../wheel/ticker.ts'

/** An executor, as far as places go. */
export interface Sized {
  readonly places: number
  /** Runs need a process each. */
  readonly kills?: boolean
}

export interface PlacesOptions {
  readonly executors: ReadonlyMap<string, Sized>
  /** Looks again when more may be claimed. */
  readonly ticker: Pick<Ticker, 'poke'>
}

interface Executor {
  readonly places: number
  /** Asked for, claimed or performed. */
  admitted: number
  performed: number
  /** How long a run lasts: a moving mean, in ms. */
  usual: number
  readonly waiting: Set<() => void>
}

/** What can start within this time may be claimed. */
const SOON_MS = 500
/** At most so many times its places. */
const MOST_TURNS = 10
/** The share of the latest run in the mean. */
const NEWEST = 1 / 16

export class Places {
  readonly #executors: Map<string, Executor>
  readonly #ticker: PlacesOptions['ticker']
  #admitted = 0
  #performed = 0
  #quiet: (() => void)[] = []

  constructor({ executors, ticker }: PlacesOptions) {
    this.#ticker = ticker
    this.#executors = new Map(
      // Functions are taken for quick and processes for slow, until they show how long they last.
      [...executors].map(([name, { places, kills }]) => [name, executorOf(places, kills ? SOON_MS : 0)]),
    )
  }

  /** Runs that are asked for, claimed or performed. */
  get admitted(): number {
    return this.#admitted
  }

  /** Runs that are performed. */
  get performed(): number {
    return this.#performed
  }

  /** How many more runs may be claimed for an executor. */
  open(name: string): number {
    const { admitted, places, usual } = this.#of(name)
    return Math.floor(places * Math.min(Math.max(SOON_MS / Math.max(usual, 1), 1), MOST_TURNS)) - admitted
  }

  /** How many more runs find a place at once. */
  spare(name: string): number {
    const { admitted, places } = this.#of(name)
    return places - admitted
  }

  /** A run is to be claimed. */
  admit(name: string): void {
    this.#of(name).admitted++
    this.#admitted++
  }

  /** It came to nothing, or is over. */
  dismiss(name: string): void {
    this.#of(name).admitted--
    this.#admitted--
    this.#ticker.poke(true)
    if (this.#admitted > 0) return
    for (const done of this.#quiet.splice(0)) done()
  }

  /** Takes a place for an admitted run; a promise where it has to wait: true, it has one; false, it was aborted before. */
  take(name: string, signal: AbortSignal): true | Promise<boolean> {
    const executor = this.#of(name)
    // What is not there has no places, and nothing to wait for: it fails the run.
    if (executor.performed < executor.places || executor.places === 0) {
      executor.performed++
      this.#performed++
      return true
    }
    return new Promise(resolve => {
      const come = () => {
        signal.removeEventListener('abort', leave)
        resolve(true)
      }
      const leave = () => {
        executor.waiting.delete(come)
        resolve(false)
      }
      executor.waiting.add(come)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  /** Gives the place to who waits longest. `lasted`: how long its run was performed, in ms; absent: it was not. */
  leave(name: string, lasted?: number): void {
    const executor = this.#of(name)
    if (lasted !== undefined) executor.usual += (lasted - executor.usual) * NEWEST
    const [next] = executor.waiting
    if (next === undefined) {
      executor.performed--
      this.#performed--
      return
    }
    executor.waiting.delete(next)
    next()
  }

  /** Resolves when no run is asked for, claimed or performed. */
  async quiet(): Promise<void> {
    if (this.#admitted > 0) await new Promise<void>(resolve => this.#quiet.push(resolve))
  }

  #of(name: string): Executor {
    let executor = this.#executors.get(name)
    if (executor === undefined) {
      executor = executorOf(0, 0)
      this.#executors.set(name, executor)
    }
    return executor
  }
}

const executorOf = (places: number, usual: number): Executor => ({
  places,
  admitted: 0,
  performed: 0,
  usual,
  waiting: new Set(),
})
