/** Every thing that can happen, as plain data: one variant for each event type, past tense or a status name.
 *  Parts of the node return or emit these; logs, the history, streams and users' code only subscribe to them. */
import { filter, type OperatorFunction } from 'rxjs'
import type { Problem } from './errors.ts'

/** What every event carries. */
export interface EventBase {
  /** When it happened, by the node's clock. */
  readonly at: Date
  /** The node that says so (its ip). */
  readonly node: string
}

interface JobEvent extends EventBase {
  readonly job_id: string
}

interface RunEvent extends JobEvent {
  readonly run_id: string
  /** When the run was due, without jitter. */
  readonly run_time: Date
}

/** A failure as data: what a user's function threw, or why a run could not be performed. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

interface EventFields {
  /** The node is active: it holds the lease of its ip and follows the jobs. */
  'node.started': EventBase & { readonly incarnation: string }
  /** Another process holds this ip; this one waits for it to end. */
  'node.standby': EventBase & { readonly reason: string }
  'node.paused': EventBase
  'node.resumed': EventBase
  /** The node takes no new runs and waits for those going on. */
  'node.draining': EventBase & { readonly running: number }
  'node.stopped': EventBase
  /** The lease was lost or taken: nothing is claimed until it is held again. */
  'node.fenced': EventBase & { readonly reason: string }
  'node.joined': EventBase & { readonly ip: string }
  'node.lost': EventBase & { readonly ip: string }
  /** The wall clock moved against the monotonic one by `by` ms. */
  'clock.jumped': EventBase & { readonly by: number; readonly offset?: number }
  /** Work of the node's own failed and is tried again: `what` names it, `failing_for` says for how many ms by now. `lasting`: once, when
   *  that is a whole lease. */
  'try.failed': EventBase & {
    readonly what: string
    readonly reason: string
    readonly failing_for: number
    readonly lasting: boolean
  }
  'stream.opened': EventBase & { readonly jobs: number }
  'stream.interrupted': EventBase & { readonly reason: string }
  'stream.resumed': EventBase
  /** The stream's history was lost or the collection replaced: all jobs were read anew. Or the slow second reading found `jobs` jobs
   *  otherwise than the stream had told. */
  'stream.resynced': EventBase & { readonly reason: string; readonly jobs: number }
  'job.added': JobEvent & { readonly next_run_time: Date | null }
  'job.modified': JobEvent & { readonly next_run_time: Date | null }
  'job.moved': JobEvent & { readonly from: string | null; readonly to: string | null }
  'job.paused': JobEvent & { readonly by?: string }
  'job.resumed': JobEvent & { readonly next_run_time: Date | null }
  'job.removed': JobEvent & { readonly reason?: string }
  'job.invalid': JobEvent & { readonly problems: readonly Problem[] }
  'job.adopted': JobEvent & { readonly ip: string }
  'job.stranded': JobEvent & { readonly ip: string }
  'run.claimed': RunEvent & { readonly fence: bigint; readonly coalesced: number; readonly scheduled: boolean }
  'run.started': RunEvent & { readonly attempt: number; readonly late: number }
  'run.executed': RunEvent & { readonly attempt: number; readonly duration: number; readonly result: unknown }
  'run.error': RunEvent & { readonly attempt: number; readonly duration: number; readonly error: Failure }
  'run.retrying': RunEvent & { readonly attempt: number; readonly retry_at: Date; readonly error: Failure }
  'run.missed': RunEvent & { readonly late: number; readonly coalesced: number }
  'run.max_instances': RunEvent & { readonly coalesced: number }
  'run.timeout': RunEvent & { readonly attempt: number; readonly duration: number; readonly error: Failure }
  'run.cancelled': RunEvent & { readonly attempt: number; readonly duration: number; readonly reason: string }
  'run.interrupted': RunEvent & { readonly attempt: number; readonly lost_node: string; readonly rerun: boolean }
}

export type EventType = keyof EventFields

/** The event of one type, or of several: `EventOf<'run.executed' | 'run.error'>`. */
export type EventOf<T extends EventType> = { [K in T]: { readonly type: K } & EventFields[K] }[T]

/** The union of all events; switch on `type`. */
export type TidewheelEvent = EventOf<EventType>

/** An event before the node stamps it with `at` and `node`. */
export type News<T extends EventType = EventType> = { [K in T]: Omit<EventOf<K>, keyof EventBase> }[T]

/** An operator that keeps events of some types, and narrows to them: `events$.pipe(ofType('run.executed', 'run.error'))`. */
export function ofType<T extends EventType>(...types: readonly T[]): OperatorFunction<TidewheelEvent, EventOf<T>> {
  const wanted: ReadonlySet<string> = new Set(types)
  return filter((event): event is EventOf<T> & TidewheelEvent => wanted.has(event.type)) as OperatorFunction<
    TidewheelEvent,
    EventOf<T>
  >
}
