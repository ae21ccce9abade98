/** Plan: what a run of the fault checker does, made from a seed alone: jobs, faults and people's edits, each with its time.
 *  In: a seed and how much of everything. Out: plain data; times are milliseconds after the start.
 *  Holds: the same options give the same plan. It starts nothing and reads no clock. */

export interface Trigger {
  readonly type: 'interval' | 'cron'
  readonly seconds?: number
  /** Of an interval: its `start_date` lies so many ms after the start's whole hour. */
  readonly phase?: number
  readonly second?: string
  readonly expression?: string
  readonly timezone?: string
}

export interface JobPlan {
  readonly _id: string
  /** Number of a node; undefined: placed by the cluster. */
  readonly node?: number
  readonly standby?: 'any' | readonly number[]
  readonly trigger: Trigger
  /** How long its body takes, in ms. */
  readonly body: number
  readonly more: Readonly<Record<string, unknown>>
}

export const FAULT_KINDS = [
  'node-kill',
  'nodes-kill',
  'body-kill',
  'node-pause',
  'twin',
  'step-down',
  'primary-kill',
  'primary-pause',
  'majority-lost',
  'freeze',
  'cut',
  'black-hole',
  'delay',
  'one-way-up',
  'one-way-down',
  'reset',
  'answer-lost',
  'stream-killed',
  'oplog-rolled',
  'clock-jump',
  'disk-full',
  'loop-blocked',
  'storm',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

export interface Fault {
  readonly id: number
  readonly at: number
  readonly kind: FaultKind
  /** Which node, where it is one of a node. */
  readonly node?: number
  readonly ms: number
  /** Delay in ms, offset of a clock in s. */
  readonly amount?: number
}

export type EditKind =
  | 'args'
  | 'move'
  | 'place'
  | 'pause'
  | 'resume'
  | 'trigger'
  | 'order'
  | 'extra'
  | 'delete'
  | 'insert'
  | 'tags'

export interface Edit {
  readonly at: number
  /** So many ms after (negative: before) the first run time of an interval that comes after `at`. */
  readonly due?: number
  readonly job: string
  readonly kind: EditKind
  /** Also writes `x_ver`, so that it is no update of one field alone. */
  readonly marked: boolean
  readonly node?: number
  readonly trigger?: Trigger
}

export interface Plan {
  readonly name: string
  readonly seed: number
  readonly nodes: number
  readonly leaseMs: number
  /** Until the last edit or fault has healed. */
  readonly ms: number
  /** Quiet time before the final read. */
  readonly calmMs: number
  readonly jobs: readonly JobPlan[]
  readonly faults: readonly Fault[]
  readonly edits: readonly Edit[]
  readonly oplogMb?: number
}

export interface PlanOptions {
  readonly seed: number
  readonly minutes: number
  readonly jobs: number
  readonly nodes?: number
  readonly leaseMs?: number
  readonly editsPerSecond?: number
  readonly kinds?: readonly FaultKind[]
  readonly warmMs?: number
  readonly calmMs?: number
}

export type Random = ReturnType<typeof random>

/** Numbers from a seed (mulberry32). */
export function random(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  return {
    next,
    between,
    chance: (share: number) => next() < share,
    pick: <T>(of: readonly T[]): T => of[between(0, of.length - 1)] as T,
  }
}

const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Chatham'] as const

export function aTrigger(r: Random): Trigger {
  if (r.chance(0.7)) return { type: 'interval', seconds: r.between(3, 7), phase: r.between(0, 59_999) }
  const timezone = r.pick(ZONES)
  const from = r.between(0, 3)
  if (r.chance(0.5)) return { type: 'cron', second: `${from}-59/${r.between(4, 7)}`, timezone }
  return { type: 'cron', expression: `*/${r.pick([3, 5, 6])} * * * * *`, timezone }
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
/** Faults that hit every node. */
export const OF_CLUSTER: readonly FaultKind[] = [
  'step-down',
  'primary-kill',
  'primary-pause',
  'majority-lost',
  'freeze',
  'disk-full',
  'storm',
]

function faultsOf(r: Random, kinds: readonly FaultKind[], from: number, to: number, nodes: number, leaseMs: number) {
  const faults: Fault[] = []
  let bag: FaultKind[] = []
  for (let at = from; kinds.length > 0; ) {
    // Each kind once before one comes again.
    if (bag.length === 0) bag = [...kinds]
    const kind = bag.splice(r.between(0, bag.length - 1), 1)[0] as FaultKind
    const ms = lengthOf(r, kind, leaseMs)
    if (at + ms > to) break
    const node = kind === 'clock-jump' ? nodes - 1 : r.between(0, nodes - 1)
    const amount =
      kind === 'delay' ? r.pick([200, 1_000, 3_000]) : kind === 'clock-jump' ? r.pick([-30, 30, -3_600, 3]) : 0
    faults.push({ id: faults.length, at, kind, ms, ...(!OF_CLUSTER.includes(kind) && { node }), amount })
    const second = r.pick(MILD)
    if (r.chance(0.3) && kinds.includes(second) && kind !== 'disk-full' && kind !== 'oplog-rolled') {
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
    const end = Math.max(...faults.map(fault => fault.at + fault.ms))
    at = end + r.between(10_000, 16_000)
  }
  return faults.sort((a, b) => a.at - b.at)
}

/** Edits to each job follow one another; pauses are resumed and deletions undone. */
function editsOf(
  r: Random,
  jobs: readonly JobPlan[],
  nodes: number,
  to: number,
  perSecond: number,
  storms: number[],
): readonly Edit[] {
  const edits: Edit[] = []
  const freeAt = new Map<string, number>()
  for (let at = 6_000; perSecond > 0 && at < to; at += Math.max(1, -Math.log(1 - r.next()) * (1_000 / perSecond))) {
    const when = Math.floor(at)
    const job = r.pick(jobs)
    if ((freeAt.get(job._id) ?? 0) > when) continue
    const marked = r.chance(0.5)
    const base = { at: when, job: job._id, marked }
    const kind = r.pick<EditKind>([
      'args',
      'args',
      'move',
      'move',
      'pause',
      'trigger',
      'order',
      'extra',
      'delete',
      'tags',
      'place',
    ])
    let until = when + 1_500
    if (kind === 'move') {
      const node = r.between(0, nodes - 1)
      edits.push({ ...base, kind, node })
      // In a circle, sometimes: a → b → c → a.
      if (r.chance(0.2)) {
        edits.push({ ...base, at: when + 40, kind, node: (node + 1) % nodes })
        edits.push({ ...base, at: when + 90, kind, node: (node + 2) % nodes })
      }
    } else if (kind === 'place') {
      if (job.standby !== undefined) continue
      edits.push({ ...base, kind })
    } else if (kind === 'pause' || kind === 'delete') {
      until = when + r.between(2_000, 9_000)
      edits.push({ ...base, kind })
      const back = kind === 'pause' ? 'resume' : 'insert'
      edits.push({
        ...base,
        at: until,
        kind: back,
        ...(back === 'insert' && { trigger: aTrigger(r), node: r.between(0, nodes - 1) }),
      })
      until += 1_500
    } else if (kind === 'trigger') {
      edits.push({ ...base, kind, trigger: aTrigger(r) })
    } else edits.push({ ...base, kind })
    freeAt.set(job._id, until)
    const storm = storms[0]
    if (storm !== undefined && when > storm) {
      storms.shift()
      for (let i = 0; i < 3 * jobs.length; i++) {
        const one = jobs[i % jobs.length] as JobPlan
        if ((freeAt.get(one._id) ?? 0) > when) continue
        const kind = i < jobs.length ? 'move' : r.pick<EditKind>(['args', 'tags'])
        edits.push({
          at: when + Math.floor(i / 3),
          job: one._id,
          kind,
          marked: r.chance(0.5),
          node: r.between(0, nodes - 1),
        })
      }
    }
  }
  return edits.sort((a, b) => a.at - b.at)
}

/** Mixed faults, one after the other, with an edit every now and then all the while. */
export function mixedPlan(options: PlanOptions): Plan {
  const { seed, minutes, nodes = 4, leaseMs = 6_000, editsPerSecond = 2, kinds = FAULT_KINDS } = options
  const { warmMs = 15_000, calmMs = 40_000 } = options
  const r = random(seed)
  const ms = Math.round(minutes * 60_000)
  const jobs = jobsOf(r, options.jobs, nodes)
  const faults = faultsOf(r, kinds, warmMs, ms, nodes, leaseMs)
  const storms = faults.filter(({ kind }) => kind === 'storm').map(({ at }) => at)
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
