/** Cancels: requests to abort runs of a job, as its document carries them in `cancel`.
 *  In: requests as they become known, and jobs whose oldest run has to go. Out: aborted runs, and the request taken away when it is served.
 *  Holds: what is claimed after a request is not meant by it, however late it is heard of and however often it is seen until it is
 *  gone. */
import type { Clock } from '../clock.ts'
import type { Job } from '../job/job.ts'
import type { Patience } from '../pace/patience.ts'
import { askWrite, servedWrite } from '../protocol/end.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Book } from './book.ts'
import { unstarted } from './run.ts'
import type { Runs } from './runs.ts'

export interface CancelsOptions {
  readonly book: Book
  readonly writer: Pick<Writer, 'write' | 'find'>
  readonly runs: Pick<Runs, 'settle'>
  readonly roster: { versionOf(id: string): number | undefined }
  readonly patience: Pick<Patience, 'done'>
  readonly clock: Clock
}

/** A request; `*` means only runs that were claimed before it. */
interface Request {
  readonly run: string
  /** The server's time of it, where that is known: a fence that is higher is that of a later claim. */
  readonly at: bigint | undefined
  /** How many run ids had been made here when it became known: what was made later is claimed later. */
  readonly made: number
}

const BY_REQUEST = { status: 'cancelled', message: 'cancelled by request' } as const
const BY_NEXT = { status: 'cancelled', message: 'cancelled by the next run (overlap: cancel_other)' } as const

export class Cancels {
  readonly #options: CancelsOptions
  /** What documents ask, by job, from when it is known here until it is known to be gone from there. */
  readonly #requests = new Map<string, Request>()
  /** Ids of runs of other nodes for which this one is writing `cancel` into the document (`overlap: cancel_other`). */
  readonly #asking = new Set<string>()

  constructor(options: CancelsOptions) {
    this.#options = options
  }

  /** Aborts the run of that id, or with `*` all runs of the job, that go on or wait here. `seen`: the request was read in the document,
   *  where it may have been before. */
  cancel(
    id: string,
    run: string,
    { seen = false, at }: { readonly seen?: boolean; readonly at?: bigint | undefined } = {},
  ): void {
    if (seen && this.#requests.get(id)?.run === run) return
    const request = { run, at, made: this.#options.book.made }
    this.#requests.set(id, request)
    void this.#serve(id, request).finally(() => {
      if (this.#requests.get(id) === request) this.#requests.delete(id)
    })
  }

  /** Aborts the oldest run of the job, wherever it is. */
  cancelOldest(job: Job): void {
    const oldest = job.state?.running?.[0]
    if (oldest === undefined) return
    const { run_id } = oldest
    if (this.#options.book.abort(run_id, BY_NEXT) || this.#asking.has(run_id)) return
    this.#asking.add(run_id)
    void this.#ask(job._id, run_id).finally(() => this.#asking.delete(run_id))
  }

  /** Ends when the request is known to be gone from the document, or to be another node's, or when the node ends. */
  async #serve(id: string, request: Request): Promise<void> {
    const { patience, roster } = this.#options
    let aborted = false
    await patience.done('take served requests away', async () => {
      if (this.#requests.get(id) !== request) return true
      // Only a run that goes on or waits can be ended here: one that was just being claimed at the last look may be by now.
      aborted = this.#abort(id, request) || aborted
      if (!aborted && roster.versionOf(id) === undefined) return true
      return await this.#isServed(id, request, aborted)
    })
  }

  #isMeant(runId: string, { run, at, made }: Request): boolean {
    if (run !== '*') return run === runId
    const { book } = this.#options
    const fence = book.fenceOf(runId)
    return (book.madeAs(runId) ?? 0) < made && (at === undefined || fence === undefined || fence < at)
  }

  /** Aborts what is meant and goes on or waits here; answers whether there was anything. */
  #abort(id: string, request: Request): boolean {
    const { book, clock, runs } = this.#options
    const meant = (state: 'going' | 'waiting') =>
      book.runsOf(id, state).filter(({ entry }) => this.#isMeant(entry.run_id, request))
    const going = meant('going')
    const waiting = meant('waiting')
    for (const { entry } of going) book.abort(entry.run_id, BY_REQUEST)
    for (const claim of waiting) runs.settle({ ...unstarted(claim, BY_REQUEST, clock.now()), late: 0 })
    return going.length + waiting.length > 0
  }

  /** Whether the request is gone from the document, taken away now or before. Where nothing was aborted here it stays as long as
   *  `state.running` has an entry that it may mean: another node's run, or one of ours that is just beginning or ending. */
  async #isServed(id: string, request: Request, aborted: boolean): Promise<boolean> {
    const { book, writer } = this.#options
    const { run } = request
    const since = [...book.ids()].filter(runId => !this.#isMeant(runId, request))
    const meant = { run_id: run === '*' ? { $nin: since } : run }
    if (await writer.write(servedWrite(id, run, aborted ? undefined : meant))) return true
    return (await writer.find({ _id: id, cancel: run }, { local: true })) === null
  }

  /** Asks the node of a run to abort it; a request of a person that stands there is served first. */
  async #ask(id: string, run_id: string): Promise<void> {
    const { patience, writer } = this.#options
    await patience.done('ask for the abort of a run', async () => {
      if (await writer.write(askWrite(id, run_id))) return true
      const other = { _id: id, 'state.running.run_id': run_id, cancel: { $ne: run_id } }
      return (await writer.find(other, { local: true })) === null
    })
  }
}
