/** Adoption: takes jobs that have no node.
 *  In: ids of jobs without an ip. Out: guarded writes of `ip`; whoever writes first has the job. The node that the living
 *  nodes' ranking names first writes at once, the others wait their turn, so that one dead node costs a moment, not the job. */
import type { Clock } from '../clock.ts'
import { Batches } from '../pace/batches.ts'
import type { Patience } from '../pace/patience.ts'
import type { Writer } from '../protocol/writer.ts'
import { placeAll } from './moves.ts'
import { rankOf } from './placement.ts'

export interface AdoptionOptions {
  readonly writer: Pick<Writer, 'send' | 'by'>
  readonly clock: Clock
  /** Knows the living nodes that jobs may be given to. */
  readonly membership: { readonly takers: readonly string[] }
  /** Knows whether this node takes jobs at all. */
  readonly mode: { readonly mayAdopt: boolean }
  readonly patience: Patience
}

const TURN_MS = 250
const BATCH = 500

export class Adoption {
  readonly #options: AdoptionOptions
  readonly #batches: Batches<string, true>
  /** Whose turn comes when the one that is under way ends, and one turn later each. */
  readonly #turns: Set<string>[] = []
  #turn: { unsubscribe(): void } | undefined
  #ended = false

  constructor(options: AdoptionOptions) {
    this.#options = options
    this.#batches = new Batches({
      what: 'adopt jobs',
      most: BATCH,
      patience: options.patience,
      send: batch => this.#write([...batch.keys()]),
    })
  }

  offer(id: string): void {
    if (this.#ended) return
    const { membership, writer } = this.#options
    const rank = rankOf(id, membership.takers, writer.by.ip)
    if (rank === 0) return this.#adopt([id])
    // A part of a turn is none.
    const turn = this.#turn === undefined ? rank - 1 : rank
    while (this.#turns.length <= turn) this.#turns.push(new Set())
    this.#turns[turn]?.add(id)
    this.#turn ??= this.#nextTurn()
  }

  /** Forgets what it was offered, and writes nothing more. */
  end(): void {
    this.#ended = true
    this.#turn?.unsubscribe()
    this.#turns.length = 0
    this.#batches.clear()
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
