/** Doubts: whether what a document asks for was claimed before, as it was if the document is an old copy that somebody put back.
 *  In: entries that memory cannot answer for. Out: those that may be claimed, those that may not, and those that changed meanwhile.
 *  The history tells: a row with a higher fence than the one that the document knows is that of a later claim. A run of this process has
 *  its row when it is over, until then the book tells of it. */
import type { Doubted, Rows } from '../history/rows.ts'
import type { Claim } from '../job/claim.ts'
import type { Patience } from '../pace/patience.ts'
import { type ClaimedOrder, takenWrite } from '../protocol/claim.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Book } from '../run/book.ts'
import type { Entry } from '../wheel/entry.ts'
import type { Roster } from '../wheel/roster.ts'

export interface DoubtsOptions {
  readonly rows: Pick<Rows, 'claimedTo' | 'claimedAfter'>
  readonly book: Pick<Book, 'claims'>
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
    const { book, roster, rows } = this.#options
    const versions = entries.map(entry => entry.version)
    const doubted = entries.flatMap(timeOf)
    const orders = entries.flatMap(ordersOf)
    // Before the history is asked: what leaves the book then has its row.
    const own = byJob(book.claims())
    const [told, toldOrders] = await Promise.all([rows.claimedTo(doubted), rows.claimedAfter(orders)])
    const times = new Map([...told, ...claimedHere(doubted, own, told)])
    const ownOrders = orders.filter(order => (own.get(order.job_id) ?? []).some(isItOrLater(order)))
    const taken = [...new Set([...toldOrders, ...ownOrders])]
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

function byJob(claims: Iterable<Claim>): ReadonlyMap<string, readonly Claim[]> {
  const found = new Map<string, Claim[]>()
  for (const claim of claims) {
    const { _id } = claim.job
    const others = found.get(_id)
    if (others === undefined) found.set(_id, [claim])
    else others.push(claim)
  }
  return found
}

/** Up to when the schedule of jobs was claimed, where runs of this process that go on tell of it; no less than the history does. */
function claimedHere(
  doubted: readonly Doubted[],
  own: ReadonlyMap<string, readonly Claim[]>,
  told: ReadonlyMap<string, Date>,
): readonly (readonly [string, Date])[] {
  return doubted.flatMap(one => {
    const times = (own.get(one.job_id) ?? []).filter(isItOrLater(one)).map(({ entry }) => Number(entry.run_time))
    const latest = Math.max(...times, Number(told.get(one.job_id) ?? 0))
    return times.length === 0 ? [] : [[one.job_id, new Date(latest)] as const]
  })
}

/** Whether a claim is of this very time, or of a later one of the schedule that the document knows nothing of. */
const isItOrLater =
  ({ run_time, after, known }: Doubted) =>
  ({ entry, fence }: Claim): boolean => {
    if (Number(entry.run_time) === Number(run_time)) return after === undefined || fence > after
    return known !== undefined && fence > known && entry.run_time > run_time && entry.ordered !== true
  }

const inNumber = (digits: string | undefined) => (digits === undefined ? undefined : BigInt(digits))
