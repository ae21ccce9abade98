/** Draft of the public shape of a node; the stages are joined here. */
import type { Filter, MongoClient } from 'mongodb'
import type { Logger } from 'pino'
import type { Observable } from 'rxjs'
import type { Clock } from './clock.ts'
import type { TidewheelEvent } from './event.ts'
import type { Job, JobInput } from './job/job.ts'
import type { Trigger } from './trigger/trigger.ts'

export interface NodeOptions {
  readonly uri?: string
  readonly client?: MongoClient
  readonly db?: string
  readonly ip?: string
  readonly tasks?: Readonly<Record<string, Task>>
  readonly tasksDir?: string
  readonly workspace?: string
  readonly executors?: Readonly<Record<string, unknown>>
  readonly jobDefaults?: Partial<JobInput>
  readonly jobs?: readonly JobInput[]
  readonly timezone?: string
  /** Milliseconds; default 15,000. */
  readonly lease?: number
  readonly claimLead?: number
  readonly historyTtl?: number
  readonly collections?: { readonly jobs?: string; readonly executions?: string; readonly nodes?: string }
  readonly logger?: Logger
  readonly clock?: Clock
  /** How long to look for a server, in ms; default 5,000. */
  readonly connectTimeout?: number
}

export type Task = (run: Run, ...args: unknown[]) => unknown

export interface Run {
  readonly id: string
  readonly job: Job
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly runTime: Date
  readonly attempt: number
  readonly signal: AbortSignal
  readonly log: Logger
  readonly fence: bigint
}

export interface Jobs {
  add(job: JobInput, options?: { replace?: boolean }): Promise<Job>
  get(id: string): Promise<Job>
  list(query?: Filter<Job>): AsyncIterable<Job>
  update(id: string, changes: Partial<JobInput>): Promise<Job>
  reschedule(id: string, trigger: Trigger, options?: { resume?: boolean }): Promise<Job>
  /** `ip: null` places the job anew. */
  move(id: string, ip: string | null): Promise<Job>
  pause(id: string, note?: string): Promise<Job>
  resume(id: string): Promise<Job>
  /** Runs once more now; the schedule stays. */
  run(id: string): Promise<Job>
  backfill(id: string, span: { from: Date; to: Date }): Promise<number>
  remove(id: string): Promise<void>
  removeAll(query: Filter<Job>): Promise<number>
  changes$(query?: Filter<Job>): Observable<{ type: 'put'; job: Job } | { type: 'removed'; id: string }>
}

export interface NodeStatus {
  readonly ip: string
  readonly state: 'stopped' | 'starting' | 'standby' | 'active' | 'paused' | 'draining'
  readonly jobs: number
  readonly armed: number
  readonly running: number
  readonly next: Date | null
}

export interface TidewheelNode extends AsyncDisposable {
  readonly ip: string | undefined
  readonly jobs: Jobs
  readonly events$: Observable<TidewheelEvent>
  start(options?: { paused?: boolean }): Promise<void>
  stop(options?: { wait?: boolean; timeout?: number }): Promise<void>
  pause(): void
  resume(): void
  close(): Promise<void>
  task(name: string, fn: Task, job?: Omit<JobInput, 'func'>): void
  status(): NodeStatus
}

export function createNode(_options: NodeOptions): TidewheelNode {
  throw new Error('draft')
}
