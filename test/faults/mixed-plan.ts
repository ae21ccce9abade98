/** Mixed plan: jobs of all sorts, each kind of fault in turn, and an edit every now and then all the while, from a seed alone.
 *  In: a seed and how much of everything. Out: a plan. Holds: the same options give the same plan. */
import { ALWAYS, editsOf } from './edits.ts'
import {
  aTrigger,
  FAULT_KINDS,
  type Fault,
  type FaultKind,
  type JobPlan,
  OF_CLUSTER,
  OF_NOBODY,
  type Plan,
  type Random,
  random,
} from './plan.ts'

export interface PlanOptions {
  readonly seed: number
  readonly minutes: number
  readonly jobs: number
  readonly nodes?: number
  readonly leaseMs?: number
  readonly editsPerSecond?: number
  readonly kinds?: readonly FaultKind[]
  /** Jobs of a storm; a tenth of it in edits a second. Default 10,000. */
  readonly storm?: number
  /** Jobs of a crowd. Default 600. */
  readonly crowd?: number
  /** How long members wait for a primary: default 2,000; 10,000 is MongoDB's own, with a lease to match. */
  readonly electionMs?: number
  readonly warmMs?: number
  readonly calmMs?: number
}

/** Nodes that have the second set of tasks: the later half. */
const withSecond = (nodes: number): readonly number[] =>
  Array.from({ length: nodes }, (_, i) => i).filter(i => i >= nodes / 2)

type Make = Omit<JobPlan, '_id' | 'trigger' | 'more'> & { readonly more?: JobPlan['more'] }

/** What the jobs are like, one after the other; `node` is whose turn it is. */
function makeOf(r: Random, i: number, node: number, nodes: number): Make {
  const brief = r.between(0, 60)
  const any = { node, standby: 'any', body: brief } as const
  const pinned = { node, body: brief }
  const second = withSecond(nodes)
  switch (i % 20) {
    case 2:
    case 12:
      return { ...any, more: { coalesce: false } }
    case 3:
      return { ...any, more: { misfire_grace_time: 2 } }
    case 4:
      return { ...any, more: { misfire_grace_time: null, on_interrupt: 'rerun' } }
    case 5:
      return { ...pinned, standby: [(node + 1) % nodes, (node + 2) % nodes] }
    case 6:
      return { ...pinned, more: { coalesce: false, misfire_grace_time: 3 } }
    case 7:
      return { ...pinned, body: 4_000, more: { max_instances: 2 } }
    case 8:
      return { ...pinned, body: r.between(1_000, 4_000), more: { overlap: 'queue_one' } }
    case 9:
      return { ...pinned, body: r.between(500, 1_500) }
    case 10: {
      // A run that fails at first and then ends well is no failed run: this job is never paused.
      const retry = { max_attempts: 3, delay: 0.5, factor: 1 }
      return { ...any, fail: 1, more: { retry, pause_after_failures: 2 } }
    }
    case 11:
      return { ...any, body: 5_000, more: { timeout: 1 } }
    case 13:
      return { ...any, fail: ALWAYS, more: { pause_after_failures: 3 } }
    case 14:
      return { ...any, body: 5_000, more: { overlap: 'cancel_other' } }
    case 15:
      return { ...any, more: { executor: 'process' } }
    case 16:
      return { ...any, body: 1_500, more: { on_interrupt: 'rerun' } }
    case 17:
      // A script is a process of its own each time.
      return i % 40 === 17 ? { ...any, body: 100, func: 'witness-script.mjs', more: { executor: 'script' } } : any
    case 18: {
      const own = second[i % second.length] as number
      return { node: own, standby: second, body: brief, func: 'second:note', nodes: second }
    }
    case 19:
      return { body: brief }
    default:
      return any
  }
}

function jobsOf(r: Random, count: number, nodes: number): readonly JobPlan[] {
  return Array.from({ length: count }, (_, i): JobPlan => {
    const { more = {}, ...make } = makeOf(r, i, i % nodes, nodes)
    return { _id: `job-${String(i).padStart(3, '0')}`, trigger: aTrigger(r), ...make, more }
  })
}

/** How long a fault of a kind goes on, in ms. */
function lengthOf(r: Random, kind: FaultKind, leaseMs: number, electionMs: number): number {
  switch (kind) {
    case 'node-kill':
    case 'nodes-kill':
    case 'body-kill':
    case 'kill-claim-sent':
    case 'kill-claim-stored':
    case 'kill-row-sent':
    case 'kill-pull-sent':
      return r.pick([0, 1_000, leaseMs + 3_000, 15_000])
    case 'node-pause':
      return r.pick([2_000, leaseMs + 2_000, 15_000])
    case 'twin':
      return 4_000
    case 'primary-kill':
      return r.between(3_000, 10_000)
    case 'primary-pause':
      return electionMs + r.pick([4_000, 10_000])
    case 'majority-lag':
      return r.between(3_000, 8_000)
    case 'drain':
      return r.between(4_000, 10_000)
    case 'move-kill':
      return r.pick([1_000, leaseMs + 3_000])
    case 'crowd':
      return 12_000
    case 'majority-lost':
      return r.between(5_000, 12_000)
    case 'oplog-rolled':
      return 20_000
    case 'freeze':
    case 'disk-full':
      return 10_000
    case 'server-clock':
      return 16_000
    case 'renamed':
    case 'dropped':
      return r.pick([500, 4_000, 8_000])
    case 'storm':
    case 'step-down':
    case 'reset':
    case 'stream-killed':
    case 'loop-blocked':
    case 'evict':
    case 'rebalance':
      return 3_000
    default:
      return r.pick([3_000, 8_000, leaseMs + 4_000, 15_000])
  }
}

/** Faults that can go on beside another one. */
const MILD: readonly FaultKind[] = [
  'delay',
  'reset',
  'answer-lost',
  'stream-killed',
  'loop-blocked',
  'cut',
  'node-pause',
]

/** Nothing else at the same time: they fill the disk, end what a second fault would hit, or are to be judged without one. */
const ALONE: readonly FaultKind[] = ['disk-full', 'oplog-rolled', 'crowd']

interface Span {
  readonly kinds: readonly FaultKind[]
  readonly from: number
  readonly to: number
  readonly nodes: number
  readonly leaseMs: number
  readonly electionMs: number
  readonly storm: number
  readonly crowd: number
}

/** A delay in ms, an offset of a clock in s, a number of jobs: as much of it as the kind asks for. */
function amountOf(r: Random, kind: FaultKind, { storm, crowd }: Span): number {
  switch (kind) {
    case 'delay':
      return r.pick([200, 1_000, 3_000])
    case 'clock-jump':
      return r.pick([-30, 30, -3_600, 3])
    case 'server-clock':
      return r.pick([-60, 60])
    case 'majority-lag':
      // One lags, whom nobody needs to ask, or both do.
      return r.pick([1, 2, 2])
    case 'storm':
      return storm
    case 'crowd':
      return crowd
    default:
      return 0
  }
}

/** Each of a storm's jobs keeps the machine busy for so many ms. */
const A_JOB_MS = 2.5
/** Until a member or a node that was killed is back, a moment near a run has come by, a clock is seen to be right again. */
const SLOW_HEAL_MS: Partial<Record<FaultKind, number>> = {
  'node-kill': 2_000,
  'nodes-kill': 3_000,
  'body-kill': 4_000,
  'kill-claim-sent': 5_000,
  'kill-claim-stored': 5_000,
  'kill-row-sent': 5_000,
  'kill-pull-sent': 5_000,
  'move-kill': 8_000,
  evict: 3_000,
  drain: 4_000,
  twin: 6_000,
  'oplog-rolled': 8_000,
  'majority-lost': 6_000,
  'server-clock': 20_000,
  freeze: 6_000,
}

/** When a fault has healed, about. */
function endOf({ kind, at, ms, amount = 0 }: Fault, electionMs = ELECTION_MS): number {
  const election = OF_CLUSTER.includes(kind) ? electionMs : 0
  return at + ms + (SLOW_HEAL_MS[kind] ?? 1_000) + election + (kind === 'storm' ? amount * A_JOB_MS : 0)
}

const ELECTION_MS = 2_000
/** After a fault, until all is as it was. */
const RECOVERY_MS = 10_000
/** Of the time until a fault begins, so much was free of faults for each node. A fault may take longer than planned: a third is
 *  what the judge needs. */
const QUIET = 0.4

/** How much of the time up to `to` no fault of a node, nor of the database, was under way or just over; of the worst node. */
export function quietShare(faults: readonly Fault[], nodes: number, to: number, electionMs = ELECTION_MS): number {
  const shares = Array.from({ length: nodes }, (_, node) => {
    const spans = faults
      .filter(({ kind }) => !OF_NOBODY.includes(kind))
      .filter(fault => OF_CLUSTER.includes(fault.kind) || hits(fault, node, nodes))
      .map(fault => [fault.at, Math.min(to, endOf(fault, electionMs) + RECOVERY_MS)] as const)
      .sort(([a], [b]) => a - b)
    let hurt = 0
    let until = 0
    for (const [from, end] of spans) {
      hurt += Math.max(0, end - Math.max(from, until))
      until = Math.max(until, end)
    }
    return 1 - hurt / to
  })
  return Math.min(...shares)
}

function hits({ kind, node = 0 }: Fault, which: number, nodes: number): boolean {
  return node === which || (kind === 'nodes-kill' && (node + 1) % nodes === which)
}

function faultsOf(r: Random, span: Span): readonly Fault[] {
  const { kinds, from, to, nodes, leaseMs, electionMs } = span
  const faults: Fault[] = []
  let bag: FaultKind[] = []
  for (let at = from; kinds.length > 0; ) {
    // Each kind once before one comes again.
    if (bag.length === 0) bag = [...kinds]
    const kind = bag.splice(r.between(0, bag.length - 1), 1)[0] as FaultKind
    const ms = lengthOf(r, kind, leaseMs, electionMs)
    if (at + ms > to) break
    const node = kind === 'clock-jump' ? nodes - 1 : r.between(0, nodes - 1)
    const amount = amountOf(r, kind, span)
    const ofNode = !OF_CLUSTER.includes(kind) && !OF_NOBODY.includes(kind)
    faults.push({ id: faults.length, at, kind, ms, ...(ofNode && { node }), amount })
    const second = r.pick(MILD)
    if (r.chance(0.3) && kinds.includes(second) && !ALONE.includes(kind)) {
      const other = (node + 1) % nodes
      faults.push({
        id: faults.length,
        at: at + r.between(0, 1_500),
        kind: second,
        ms: lengthOf(r, second, leaseMs, electionMs),
        node: other,
        amount: 500,
      })
    }
    at = Math.max(...faults.map(fault => endOf(fault, electionMs))) + r.between(5_000, 9_000)
    while (quietShare(faults, nodes, at, electionMs) < QUIET) at += 500
  }
  return faults.sort((a, b) => a.at - b.at)
}

const LEASE_MS = 6_000
const LONG_LEASE_MS = 15_000
const CALM_MS = 40_000
/** What was planned by a clock that was a minute ahead is past by then. */
const CALM_AFTER_SKEW_MS = 80_000

/** Mixed faults, one after the other, with an edit every now and then all the while. */
export function mixedPlan(options: PlanOptions): Plan {
  const { seed, minutes, nodes = 4, electionMs = ELECTION_MS, editsPerSecond = 2, kinds = FAULT_KINDS } = options
  const { leaseMs = electionMs > ELECTION_MS ? LONG_LEASE_MS : LEASE_MS } = options
  const { warmMs = 15_000, storm = 10_000, crowd = 600 } = options
  const { calmMs = kinds.includes('server-clock') ? CALM_AFTER_SKEW_MS : CALM_MS } = options
  const r = random(seed)
  const ms = Math.round(minutes * 60_000)
  const jobs = jobsOf(r, options.jobs, nodes)
  const faults = faultsOf(r, { kinds, from: warmMs, to: ms, nodes, leaseMs, electionMs, storm, crowd })
  const storms = faults.filter(({ kind }) => kind === 'storm')
  const edits = editsOf(r, jobs, nodes, ms, editsPerSecond, storms)
  const oplogMb = kinds.includes('oplog-rolled') ? 48 : undefined
  return {
    name: 'mixed',
    seed,
    nodes,
    leaseMs,
    ms,
    calmMs,
    jobs,
    faults,
    edits,
    electionMs,
    readsFrom: [1],
    taskSets: withSecond(nodes),
    ...(oplogMb !== undefined && { oplogMb }),
  }
}
