/** Plan: what a run of the fault checker does: jobs, faults and people's edits, each with its time; and the numbers from a seed
 *  that plans are made of. Plain data; times are milliseconds after the start. It starts nothing and reads no clock. */

export interface Trigger {
  readonly type: 'interval' | 'cron'
  readonly seconds?: number
  /** Of an interval: its `start_date` lies so many ms after the start's whole hour. */
  readonly phase?: number
  readonly second?: string
  readonly expression?: string
  readonly timezone?: string
  /** Seconds. */
  readonly jitter?: number
}

export interface JobPlan {
  readonly _id: string
  /** Number of a node; undefined: placed by the cluster. */
  readonly node?: number
  readonly standby?: 'any' | readonly number[]
  readonly trigger: Trigger
  /** How long its body takes, in ms. */
  readonly body: number
  /** So many first attempts of each run fail. */
  readonly fail?: number
  /** Default `witness:note`. */
  readonly func?: string
  /** The only nodes that have its function; absent: all. */
  readonly nodes?: readonly number[]
  readonly more: Readonly<Record<string, unknown>>
}

export const FAULT_KINDS = [
  'node-kill',
  'nodes-kill',
  'body-kill',
  'kill-claim-sent',
  'kill-claim-stored',
  'kill-row-sent',
  'kill-pull-sent',
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
  'server-clock',
  'renamed',
  'dropped',
  'disk-full',
  'loop-blocked',
  'storm',
  'majority-lag',
  'evict',
  'drain',
  'rebalance',
  'move-kill',
  'crowd',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** Faults that hit every node. */
export const OF_CLUSTER: readonly FaultKind[] = [
  'step-down',
  'primary-kill',
  'primary-pause',
  'majority-lost',
  'freeze',
  'server-clock',
  'renamed',
  'dropped',
  'disk-full',
  'storm',
  'majority-lag',
]

/** They hit nobody: a person's doings that many jobs take part in. */
export const OF_NOBODY: readonly FaultKind[] = ['rebalance', 'crowd']

export interface Fault {
  readonly id: number
  readonly at: number
  readonly kind: FaultKind
  /** Which node, where it is one of a node. */
  readonly node?: number
  readonly ms: number
  /** Delay in ms, offset of a clock in s, jobs of a storm or a crowd. */
  readonly amount?: number
  /** How long each run of a crowd takes, in ms; else it ends at once. */
  readonly bodyMs?: number
  /** Of a delay: the writes that are late; else all that is said, in both directions. */
  readonly of?: 'plans'
  /** Of a server's clock: it is set while its member leads already; else it leads when it is set. */
  readonly leads?: boolean
  /** Of a pause: begins so many ms after a claim of the node has gone out. */
  readonly afterClaimMs?: number
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
  | 'cancel'
  /** Writes nothing: keeps the document, for a `write-back` without `age`. */
  | 'read'
  | 'write-back'
  | 'replace-back'
  | 'replace'

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
  /** Of a document that is written back: how many ms after it was read; absent: the one that was kept last. */
  readonly age?: number
  /** Of an order: for so many ms later. */
  readonly later?: number
  /** Of a move: takes the next run time away, too, so that the new node plans from now. */
  readonly unplanned?: boolean
  /** Of a cancel: all runs of the job, or the one that has gone on longest. */
  readonly of?: 'all' | 'oldest'
  /** Of an insert: the job whose whole document it is a copy of. */
  readonly copyOf?: string
  /** Of a move: the fault that it belongs to. */
  readonly fault?: number
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
  /** Nodes that connect with `readPreference=secondaryPreferred`. */
  readonly readsFrom?: readonly number[]
  /** How long members wait for a primary before they elect another one; heartbeats come each fifth of it. Default 2,000;
   *  MongoDB's own default is 10,000. */
  readonly electionMs?: number
  /** Nodes that have the second set of tasks, too. */
  readonly taskSets?: readonly number[]
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
  const jitter = r.chance(0.06) && { jitter: 1 }
  if (r.chance(0.7)) return { type: 'interval', seconds: r.between(3, 7), phase: r.between(0, 59_999), ...jitter }
  const timezone = r.pick(ZONES)
  const from = r.between(0, 3)
  if (r.chance(0.5)) return { type: 'cron', second: `${from}-59/${r.between(4, 7)}`, timezone, ...jitter }
  return { type: 'cron', expression: `*/${r.pick([3, 5, 6])} * * * * *`, timezone, ...jitter }
}
