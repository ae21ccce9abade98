/** Adoption: takes jobs that have no node, of those that this node can perform.
 *  In: jobs without an ip. Out: guarded writes of `ip`; whoever writes first has the job. Of the living nodes that may be able to
 *  perform it the one that their ranking names first writes at once, the others wait their turn, so that one dead node costs a moment,
 *  not the job. Where none can, the first of all says so in the document. What this node cannot take it knows by id, so that an edit of
 *  such a job is heard. */
import type { Clock } from '../clock.ts'
import type { Problem } from '../errors.ts'
import type { News } from '../event.ts'
import type { Job } from '../job/job.ts'
import { Batches } from '../pace/batches.ts'
import type { Patience } from '../pace/patience.ts'
import type { Writer } from '../protocol/writer.ts'
import { placeAll, sayUnable } from './moves.ts'
import { isBroken, maybeOf, rankOf, type Taker } from './placement.ts'

export interface AdoptionOptions {
  readonly writer: Pick<Writer, 'send' | 'by'>
  readonly clock: Clock
  /** Knows the living nodes that jobs may be given to. */
  readonly membership: { readonly takers: readonly Taker[] }
  /** Knows whether this node takes jobs at all. */
  readonly mode: { readonly mayAdopt: boolean }
  /** Why this node itself cannot perform a job; none: it can. */
  readonly check: (job: Job) => readonly Problem[]
  readonly patience: Patience
  readonly emit: (news: News<'job.invalid'>) => void
}

const TURN_MS = 250
const BATCH = 500
/** An edit of one that was forgotten counts when the keeper looks. */
const MOST_UNABLE = 10_000

export class Adoption {
  readonly #options: AdoptionOptions
  readonly #batches: Batches<string, true>
  /** Jobs that nobody can perform, to be told. */
  readonly #nobodys: Batches<string, Job>
  /** Whose turn comes when the one that is under way ends, and one turn later each. */
  readonly #turns: Set<string>[] = []
  #turn: { unsubscribe(): void } | undefined
  /** Jobs without a node that this one cannot perform, and their functions. */
  readonly #unable = new Map<string, string>()
  #ended = false

  constructor(options: AdoptionOptions) {
    this.#options = options
    this.#batches = new Batches({
      what: 'adopt jobs',
      most: BATCH,
      patience: options.patience,
      send: batch => this.#write([...batch.keys()]),
    })
    this.#nobodys = new Batches({
      what: 'say that nobody can perform jobs',
      most: BATCH,
      patience: options.patience,
      send: batch => this.#sayUnable([...batch.values()]),
    })
  }

  offer(job: Job): void {
    if (this.#ended) return
    const { _id: id } = job
    const { check, membership, writer } = this.#options
    const { ip } = writer.by
    const others = membership.takers.filter(({ _id }) => _id !== ip)
    const able = maybeOf(job, others)
    if (!isBroken(job) && check(job).length > 0) {
      if (this.#unable.size < MOST_UNABLE) this.#unable.set(id, job.func)
      if (able.length === 0) this.#nobodys.add(id, job)
      return
    }
    this.#unable.delete(id)
    const rank = rankOf(id, others.length < membership.takers.length ? [...able, ip] : able, ip)
    if (rank === 0) return this.#adopt([id])
    // A part of a turn is none.
    const turn = this.#turn === undefined ? rank - 1 : rank
    while (this.#turns.length <= turn) this.#turns.push(new Set())
    this.#turns[turn]?.add(id)
    this.#turn ??= this.#nextTurn()
  }

  /** Jobs without a node that this one could not take, and their functions. */
  get unable(): ReadonlyMap<string, string> {
    return this.#unable
  }

  /** Forgets what it was offered, and writes nothing more. */
  end(): void {
    this.#ended = true
    this.#turn?.unsubscribe()
    this.#turns.length = 0
    this.#unable.clear()
    this.#batches.clear()
    this.#nobodys.clear()
  }

  /** Of these, what this node is the first to say. */
  async #sayUnable(jobs: readonly Job[]): Promise<void> {
    const { emit, membership, mode, writer } = this.#options
    const asked = membership.takers
    if (this.#ended || !mode.mayAdopt || asked.length === 0) return
    const ips = asked.map(({ _id }) => _id)
    const mine = jobs.filter(({ _id }) => rankOf(_id, ips, writer.by.ip) === 0)
    await sayUnable(mine, asked, { writer, emit })
  }

  /** One timer, however many jobs wait. */
  #nextTurn() {
    return this.#options.clock.schedule(() => {
      const ids = this.#turns.shift() ?? []
      this.#turn = this.#turns.length > 0 ? this.#nextTurn() : undefined
      this.#adopt(ids)
    }, TURN_MS)
  }

  #adopt(ids: Iterable<string>): void {
    for (const id of ids) this.#batches.add(id, true)
  }

  /** A job whose document refuses it is left to the keeper, which tries again now and then. */
  async #write(ids: readonly string[]): Promise<void> {
    const { mode, writer } = this.#options
    if (this.#ended || !mode.mayAdopt) return
    const { ip } = writer.by
    await placeAll(
      ids.map(id => ({ id, ip })),
      writer,
      () => !this.#ended,
    )
  }
}
