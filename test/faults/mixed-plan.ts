/** Mixed plan: jobs of all sorts, each kind of fault in turn, and an edit every now and then all the while, from a seed alone.
 *  In: a seed and how much of everything. Out: a plan. Holds: the same options give the same plan. */
import { editsOf } from './edits.ts'
import {
  aTrigger,
  FAULT_KINDS,
  type Fault,
  type FaultKind,
  type JobPlan,
  OF_CLUSTER,
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
  readonly warmMs?: number
  readonly calmMs?: number
}

function jobsOf(r: Random, count: number, nodes: number): readonly JobPlan[] {
  return Array.from({ length: count }, (_, i): JobPlan => {
    const node = i % nodes
    const kind = i % 10
    const standby = kind < 5 ? 'any' : kind === 5 ? [(node + 1) % nodes, (node + 2) % nodes] : undefined
    const more = {
      ...(kind === 2 && { coalesce: false }),
      ...(kind === 3 && { misfire_grace_time: 2 }),
      ...(kind === 4 && { misfire_grace_time: null, on_interrupt: 'rerun' }),
      ...(kind === 6 && { coalesce: false, misfire_grace_time: 3 }),
      ...(kind === 7 && { max_instances: 2 }),
      ...(kind === 8 && { overlap: 'queue_one' }),
    }
    const body =
      kind === 7 ? 4_000 : kind === 8 ? r.between(1_000, 4_000) : kind === 9 ? r.between(500, 1_500) : r.between(0, 60)
    const placed = i % 20 === 19
    return {
      _id: `job-${String(i).padStart(3, '0')}`,
      ...(!placed && { node }),
      ...(!placed && standby !== undefined && { standby }),
      trigger: aTrigger(r),
      body,
      more,
    }
  })
}

/** How long a fault of a kind goes on, in ms. */
function lengthOf(r: Random, kind: FaultKind, leaseMs: number): number {
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
      return r.pick([6_000, 12_000])
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

/** Nothing else at the same time: they fill the disk, or end what a second fault would hit. */
const ALONE: readonly FaultKind[] = ['disk-full', 'oplog-rolled']

interface Span {
  readonly kinds: readonly FaultKind[]
  readonly from: number
  readonly to: number
  readonly nodes: number
  readonly leaseMs: number
  readonly storm: number
}

/** A delay in ms, an offset of a clock in s, a number of jobs: as much of it as the kind asks for. */
function amountOf(r: Random, kind: FaultKind, storm: number): number {
  switch (kind) {
    case 'delay':
      return r.pick([200, 1_000, 3_000])
    case 'clock-jump':
      return r.pick([-30, 30, -3_600, 3])
    case 'server-clock':
      return r.pick([-60, 60])
    case 'storm':
      return storm
    default:
      return 0
  }
}

/** Each of a storm's jobs keeps the machine busy for so many ms. */
const A_JOB_MS = 2.5

const endOf = ({ kind, at, ms, amount = 0 }: Fault) => at + ms + (kind === 'storm' ? amount * A_JOB_MS : 0)

function faultsOf(r: Random, { kinds, from, to, nodes, leaseMs, storm }: Span): readonly Fault[] {
  const faults: Fault[] = []
  let bag: FaultKind[] = []
  for (let at = from; kinds.length > 0; ) {
    // Each kind once before one comes again.
    if (bag.length === 0) bag = [...kinds]
    const kind = bag.splice(r.between(0, bag.length - 1), 1)[0] as FaultKind
    const ms = lengthOf(r, kind, leaseMs)
    if (at + ms > to) break
    const node = kind === 'clock-jump' ? nodes - 1 : r.between(0, nodes - 1)
    const amount = amountOf(r, kind, storm)
    faults.push({ id: faults.length, at, kind, ms, ...(!OF_CLUSTER.includes(kind) && { node }), amount })
    const second = r.pick(MILD)
    if (r.chance(0.3) && kinds.includes(second) && !ALONE.includes(kind)) {
      const other = (node + 1) % nodes
      faults.push({
        id: faults.length,
        at: at + r.between(0, 1_500),
        kind: second,
        ms: lengthOf(r, second, leaseMs),
        node: other,
        amount: 500,
      })
    }
    const end = Math.max(...faults.map(endOf))
    at = end + r.between(10_000, 16_000)
  }
  return faults.sort((a, b) => a.at - b.at)
}

const CALM_MS = 40_000
/** What was planned by a clock that was a minute ahead is past by then. */
const CALM_AFTER_SKEW_MS = 80_000

/** Mixed faults, one after the other, with an edit every now and then all the while. */
export function mixedPlan(options: PlanOptions): Plan {
  const { seed, minutes, nodes = 4, leaseMs = 6_000, editsPerSecond = 2, kinds = FAULT_KINDS } = options
  const { warmMs = 15_000, storm = 10_000 } = options
  const { calmMs = kinds.includes('server-clock') ? CALM_AFTER_SKEW_MS : CALM_MS } = options
  const r = random(seed)
  const ms = Math.round(minutes * 60_000)
  const jobs = jobsOf(r, options.jobs, nodes)
  const faults = faultsOf(r, { kinds, from: warmMs, to: ms, nodes, leaseMs, storm })
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
    ...(oplogMb !== undefined && { oplogMb }),
  }
}
