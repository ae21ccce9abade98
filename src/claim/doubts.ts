/** Doubts: whether what a document asks for was claimed before, as it was if the document is an old copy that somebody put back.
 *  In: entries that memory cannot answer for. Out: those that may be claimed, those that may not, and those that changed meanwhile.
 *  The history tells: a row with a higher fence than the one that the document knows is that of a later claim. */
import type { Doubted, Rows } from '../history/rows.ts'
import type { Patience } from '../pace/patience.ts'
import { type ClaimedOrder, takenWrite } from '../protocol/claim.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Entry } from '../wheel/entry.ts'
import type { Roster } from '../wheel/roster.ts'

export interface DoubtsOptions {
  readonly rows: Pick<Rows, 'claimedTo' | 'claimedAfter'>
  readonly roster: Pick<Roster, 'proven'>
  readonly writer: Pick<Writer, 'write'>
  readonly patience: Pick<Patience, 'once'>
}

export interface Settled {
  readonly free: readonly Entry[]
  /** Claimed before: nothing runs, and their documents have to be read. */
  readonly claimed: readonly Entry[]
  /** The answer is about an old time; they come again when they are due. */
  readonly changed: readonly Entry[]
}

export class Doubts {
  readonly #options: DoubtsOptions

  constructor(options: DoubtsOptions) {
    this.#options = options
  }

  /** Rejects when the history does not answer. */
  async settle(entries: readonly Entry[]): Promise<Settled> {
    const { roster, rows } = this.#options
    const versions = entries.map(entry => entry.version)
    const orders = entries.flatMap(ordersOf)
    const [times, taken] = await Promise.all([
      rows.claimedTo(entries.flatMap(timeOf)),
      orders.length === 0 ? [] : rows.claimedAfter(orders),
    ])
    const settled = { free: [] as Entry[], claimed: [] as Entry[], changed: [] as Entry[] }
    for (const [i, entry] of entries.entries()) {
      if (entry.version !== versions[i]) {
        settled.changed.push(entry)
        continue
      }
      const old = taken.filter(({ job_id }) => job_id === entry.id)
      const isFree = old.length === 0 && !times.has(entry.id)
      roster.proven(entry, times.get(entry.id))
      await Promise.all(old.map(order => this.#take(order)))
      ;(isFree ? settled.free : settled.claimed).push(entry)
    }
    return settled
  }

  /** Takes an order out of a document that was claimed before: read again, it asks for it no more. */
  async #take(order: ClaimedOrder): Promise<void> {
    const { patience, writer } = this.#options
    await patience.once('take orders of old copies away', () => writer.write(takenWrite(order)))
  }
}

/** The time of the schedule that is in doubt. */
function timeOf({ id: job_id, due, knownFence, isRepeat }: Entry): Doubted[] {
  if (due === undefined) return []
  const fence = inNumber(knownFence)
  return [{ job_id, run_time: new Date(due), ...(isRepeat ? { after: fence ?? 0n } : { known: fence }) }]
}

/** The run that waits for a place and the extra runs: where the document knows no claim, it is no copy of one that does. */
function ordersOf({ id: job_id, waiting, extra, knownFence }: Entry): ClaimedOrder[] {
  const after = inNumber(knownFence)
  if (after === undefined) return []
  const order = (kind: ClaimedOrder['kind']) => (time: number) => ({ job_id, kind, run_time: new Date(time), after })
  const waits = waiting === undefined ? [] : [waiting.run_time]
  return [...waits.map(order('waiting')), ...extra.map(order('extra'))]
}

const inNumber = (digits: string | undefined) => (digits === undefined ? undefined : BigInt(digits))
