/** The lease: one process acts for an ip at a time, and a dead one's runs are others' business only when it was closed.
 *  The filters are those of the source, evaluated with the server's clock; minutes stand for thirds of a lease.
 *  A process that sleeps is one that takes no step for a while, whatever passes meanwhile. */
import { describe } from 'vitest'
import { matches, type Plain, updated } from './document.ts'
import { each, type Model, type Steps } from './explore.ts'
import { breaks, holds } from './pair.ts'
import { type Command, minute } from './real.ts'
import { closeWrite, leaseWrites } from './real-lease.ts'

const LEASE = 3

interface Process {
  incarnation: string
  /** When the last acknowledged renewal was sent; absent: it holds nothing, as far as it knows. */
  sent?: number
  /** A command on its way: take or renew, sent at. */
  asks?: { readonly what: 'take' | 'renew'; readonly at: number; answer?: boolean }
  /** A run it claimed: about to start, then going. */
  run: 'none' | 'claimed' | 'going'
}

interface Cluster {
  now: number
  node: Plain
  p: Process
  q: Process
  /** Which incarnation's run stands in the document, and whether a survivor runs it again. */
  entry?: string
  again: boolean
  taken: number
  wrong?: string
}

interface Mutant {
  /** A condition that taking, renewing or closing go out without. */
  readonly take?: string
  readonly renew?: string
  readonly close?: string
  readonly keepsIncarnation?: boolean
  readonly startsBlindly?: boolean
  readonly countsFromAnswer?: boolean
}

const drop = (filter: Plain, condition: string | undefined): Plain =>
  Object.fromEntries(Object.entries(filter).filter(([path]) => path !== condition))

/** With the model's name of an incarnation, where the source names one. */
const named = (fields: Plain, incarnation: unknown): Plain =>
  incarnation !== undefined && 'incarnation' in fields ? { ...fields, incarnation } : fields

async function cluster(mutant: Mutant): Promise<Model<Cluster>> {
  const { take, renew } = await leaseWrites('a', minute(LEASE).getTime() - minute(0).getTime())
  const holdsLease = (s: Cluster, p: Process) => p.sent !== undefined && s.now - p.sent < LEASE
  const apply = (s: Cluster, { filter, update }: Command, incarnation?: string): boolean => {
    const stamps = { now: minute(s.now), timestamp: undefined }
    if (!matches(s.node, filter, stamps)) return false
    const set = named((update as Plain).$set as Plain, incarnation)
    s.node = updated(s.node, { ...update, $set: set }, stamps)
    return true
  }
  const process = (name: 'p' | 'q'): Steps<Cluster> => {
    const of = (s: Cluster) => s[name]
    return {
      [`${name} asks for the lease`]: [
        s => of(s).incarnation === '' && of(s).asks === undefined && s.taken < 2,
        s => (of(s).asks = { what: 'take', at: s.now }),
      ],
      [`${name} renews`]: [
        s => of(s).incarnation !== '' && of(s).asks === undefined && s.now > (of(s).sent ?? -1),
        s => (of(s).asks = { what: 'renew', at: s.now }),
      ],
      [`${name}'s wish arrives`]: [
        s => of(s).asks !== undefined && of(s).asks?.answer === undefined,
        s => {
          const asks = of(s).asks as NonNullable<Process['asks']>
          if (asks.what === 'take') {
            s.taken++
            asks.answer = apply(s, { ...take, filter: drop(take.filter, mutant.take) }, `${name}${s.taken}`)
            if (asks.answer) of(s).incarnation = `${name}${s.taken}`
          } else {
            const filter = drop(named(renew.filter, of(s).incarnation), mutant.renew)
            asks.answer = apply(s, { ...renew, filter })
          }
        },
      ],
      [`${name} is answered`]: [
        s => of(s).asks?.answer !== undefined,
        s => {
          const { at, answer, what } = of(s).asks as NonNullable<Process['asks']>
          delete of(s).asks
          if (answer) of(s).sent = mutant.countsFromAnswer ? s.now : at
          else if (what === 'renew') {
            s[name] = { incarnation: '', run: 'none' }
          }
        },
      ],
      [`${name} claims`]: [
        s => holdsLease(s, of(s)) && s.entry === undefined && !s.again,
        s => {
          s.entry = of(s).incarnation
          of(s).run = 'claimed'
        },
      ],
      [`${name} starts its run`]: [
        s => of(s).run === 'claimed' && (holdsLease(s, of(s)) || mutant.startsBlindly),
        s => {
          if (s.again) s.wrong = 'a run starts that a survivor runs again'
          of(s).run = 'going'
        },
      ],
    }
  }
  const close = await closeWrite('a')
  return {
    start: {
      now: 1,
      node: { _id: 'a', seen: new Date(0), lease: 0 },
      p: { incarnation: '', run: 'none' },
      q: { incarnation: '', run: 'none' },
      again: false,
      taken: 0,
    },
    steps: {
      ...each(['p', 'q'] as const, process),
      'a third of a lease passes': [s => s.now < 5, s => s.now++],
      'a survivor closes the lease': [
        s => s.entry !== undefined && s.node.incarnation === s.entry && !s.again,
        s => {
          const filter = drop(named(close.filter, s.node.incarnation), mutant.close)
          const to = mutant.keepsIncarnation ? String(s.node.incarnation) : 'closed'
          if (apply(s, { ...close, filter }, to) && mutant.keepsIncarnation) s.again = true
        },
      ],
      'a survivor runs it again': [
        s => s.entry !== undefined && s.node.incarnation !== s.entry && !s.again,
        s => (s.again = true),
      ],
    },
    wrong: s => {
      if (s.wrong !== undefined) return s.wrong
      const acting = [s.p, s.q].filter(one => holdsLease(s, one))
      if (acting.length > 1) return 'two processes act for one ip'
      if (s.again && acting.some(one => one.incarnation === s.entry && one.run === 'going'))
        return 'a run goes on under a lease and is run again elsewhere'
      return undefined
    },
  }
}

describe('the lease', async () => {
  holds('one process acts for an ip, and a run goes on or is run again', await cluster({}))
  breaks('is taken when the old one has ended', await cluster({ take: '$expr' }), /two processes/, 6)
  breaks('is renewed by its incarnation', await cluster({ renew: 'incarnation' }), /two processes|run again/, 16)
  breaks('counts from the moment its renewal was sent', await cluster({ countsFromAnswer: true }), /two|again/, 12)
  breaks('is looked at before a run starts', await cluster({ startsBlindly: true }), /a run starts/, 12)
  breaks('is closed when it has ended', await cluster({ close: '$expr' }), /run again elsewhere/, 7)
  breaks('is closed by another incarnation', await cluster({ keepsIncarnation: true }), /run again elsewhere/, 14)
})
