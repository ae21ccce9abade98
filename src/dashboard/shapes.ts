/** Shapes: what the API answers, as types. Dates are ISO text.
 *  Nothing is renamed on the way: fields keep the spelling of the database. What may be missing is said so, because a node of an
 *  older version, or a document written by hand, leaves things out. */

export type Trigger = { readonly type: string; readonly [field: string]: unknown }

export interface RunningEntry {
  readonly run_id: string
  readonly run_time: string
  readonly claimed: string
  readonly node: string
  readonly attempt: number
  readonly retry_at?: string
  readonly ordered?: boolean
}

export interface JobState {
  readonly running?: readonly RunningEntry[]
  readonly runs?: number
  readonly last_run_time?: string
  readonly last_status?: string
  readonly failures?: number
  readonly error?: string
  readonly over?: boolean
  readonly paused_by?: string
  readonly placed?: boolean
  readonly home?: string
  readonly [more: string]: unknown
}

export interface Job {
  readonly _id: string
  readonly name?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly func: string
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly trigger: Trigger
  readonly ip?: string
  readonly standby?: readonly string[] | 'any'
  readonly executor?: string
  readonly misfire_grace_time?: number | null
  readonly coalesce?: boolean
  readonly max_instances?: number
  readonly overlap?: string
  readonly pause_after_failures?: number | null
  readonly note?: string
  readonly timeout?: number | null
  readonly next_run_time?: string | null
  readonly run_at?: readonly string[]
  readonly state?: JobState
  readonly [more: string]: unknown
}

export type RunStatus =
  | 'started'
  | 'executed'
  | 'error'
  | 'missed'
  | 'max_instances'
  | 'timeout'
  | 'interrupted'
  | 'cancelled'

/** A row of the history. */
export interface Run {
  readonly _id: string
  readonly job_id: string
  readonly job_name?: string
  readonly func?: string
  readonly run_time: string
  readonly scheduled?: boolean
  readonly status: RunStatus
  readonly attempt?: number
  readonly coalesced?: number
  readonly ip?: string
  readonly node?: string
  readonly claimed?: string | null
  readonly started?: string | null
  readonly finished?: string | null
  /** Milliseconds. */
  readonly duration?: number | null
  /** Milliseconds. */
  readonly late?: number | null
  readonly result?: unknown
  readonly result_truncated?: true
  readonly exception?: string | null
  readonly traceback?: string | null
  readonly log?: string | null
}

/** As much of a run as a sparkline needs. */
export type Recent = Pick<Run, '_id' | 'status' | 'run_time' | 'duration' | 'late'>

export interface Node {
  /** The ip. */
  readonly _id: string
  readonly living: boolean
  readonly host?: string
  readonly pid?: number
  readonly version?: string
  readonly started?: string
  readonly seen: string
  /** Milliseconds. */
  readonly lease: number
  readonly status?: 'active' | 'paused' | 'draining' | 'stopped'
  readonly wanted?: 'active' | 'paused' | 'draining'
  readonly jobs?: number
  readonly running?: number
  readonly timezone?: string
  /** Milliseconds by which its clock is ahead of the server's. */
  readonly offset?: number
  readonly tasks?: readonly string[] | null
  readonly executors?: Readonly<Record<string, string>>
  readonly stream?: { readonly open?: boolean; readonly behind?: number | null }
  /** Jobs that wait for it and that no other may take. */
  readonly stranded?: number
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
  readonly count?: number
  readonly count_exact?: boolean
}

export interface Me {
  readonly user: string | null
  readonly role: 'viewer' | 'operator' | 'admin'
  /** There are no users: everybody on this machine is admin. */
  readonly open: boolean
  readonly readOnly: boolean
  /** The node that serves, where one does. */
  readonly node: string | null
  readonly version: string
}

export interface Coming {
  readonly job_id: string
  readonly run_time: string
}

export interface Lane {
  readonly ip: string
  readonly runs: readonly Run[]
  readonly coming: readonly Coming[]
  readonly truncated?: boolean
}

export interface Timeline {
  readonly lanes: readonly Lane[]
}

export interface Percentiles {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

export type StatusCounts = Readonly<Partial<Record<RunStatus, number>>>

/** Minutes without a run are left out. */
export interface Minute {
  readonly minute: string
  readonly by_status: StatusCounts
}

export interface Stats {
  readonly jobs: { readonly total: number }
  readonly runs: {
    readonly since: string
    /** From here on all rows are counted; later than `since` where there are too many. */
    readonly from: string
    readonly total: number
    readonly by_status: StatusCounts
    readonly late: Percentiles
    readonly duration: Percentiles
    readonly minutes: readonly Minute[]
  }
}

export interface Preview {
  readonly words: string | null
  readonly times: readonly string[]
  readonly problems: readonly { readonly path: string; readonly message: string }[]
}

export type BulkAction = 'pause' | 'resume' | 'run' | 'move' | 'remove' | 'cancel'

export interface BulkAnswer {
  readonly matched: number
  readonly changed: number
  readonly failed: readonly { readonly id: string; readonly message: string }[]
  readonly sample: readonly string[]
}

/** An event of the live stream; which fields there are depends on its type. */
export interface LiveEvent {
  readonly type: string
  readonly at: string
  readonly node: string
  readonly job_id?: string
  readonly run_id?: string
  readonly run_time?: string
  readonly ip?: string
  readonly duration?: number
  readonly late?: number
}
