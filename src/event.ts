/** Every thing that can happen, as plain data: one variant for each event type, past tense or a status name.
 *  Parts of the node return or emit these; logs, the history, streams and users' code only subscribe to them. */
import { filter, type OperatorFunction } from 'rxjs'
import { nearest, type Problem, TidewheelError } from './errors.ts'

/** What every event carries. */
export interface EventBase {
  /** When it happened, by the node's clock. */
  readonly at: Date
  /** The node that says so (its ip). */
  readonly node: string
}

interface JobEvent extends EventBase {
  /** The job's `_id`. */
  readonly job_id: string
}

interface PlannedEvent extends JobEvent {
  /** When the job runs next; null: paused, or not planned yet. */
  readonly next_run_time: Date | null
}

interface RunEvent extends JobEvent {
  /** The run's id: that of its row in the history. */
  readonly run_id: string
  /** When the run was due, without jitter. */
  readonly run_time: Date
}

interface AttemptEvent extends RunEvent {
  /** Which attempt of the run, from 1. */
  readonly attempt: number
}

interface EndedEvent extends AttemptEvent {
  /** How long the function ran, in milliseconds. */
  readonly duration: number
}

/** A failure as data: what a user's function threw, or why a run could not be performed. */
export interface Failure {
  /** The error's name, such as `TypeError`. */
  readonly name: string
  readonly message: string
  readonly stack?: string
}

interface EventFields {
  /** The node is active: it holds the lease of its ip and follows the jobs. */
  'node.started': EventBase & {
    /** New with each process and each lease that is won again. */
    readonly incarnation: string
  }
  /** Another process holds this ip; this one waits for it to end. */
  'node.standby': EventBase & {
    /** Who holds it. */
    readonly reason: string
  }
  /** No run is taken until the node is resumed. */
  'node.paused': EventBase
  /** Runs are taken again; due times are made up by the misfire rule. */
  'node.resumed': EventBase
  /** The node takes no new runs and waits for those going on. */
  'node.draining': EventBase & {
    /** How many go on. */
    readonly running: number
  }
  /** The node has ended in order. */
  'node.stopped': EventBase
  /** The lease was lost or taken: nothing is claimed until it is held again. */
  'node.fenced': EventBase & {
    readonly reason: string
  }
  /** Another node was seen for the first time, or again. */
  'node.joined': EventBase & {
    /** That node. */
    readonly ip: string
  }
  /** Another node is dead: its lease has ended. */
  'node.lost': EventBase & {
    /** That node. */
    readonly ip: string
  }
  /** The wall clock moved against the monotonic one, or from the server's. */
  'clock.jumped': EventBase & {
    /** By so many milliseconds. */
    readonly by: number
    /** Milliseconds by which it is ahead of the server's clock. */
    readonly offset?: number
  }
  /** Work of the node's own failed and is tried again. */
  'try.failed': EventBase & {
    /** Which work. */
    readonly what: string
    /** What it failed with. */
    readonly reason: string
    /** For how many milliseconds by now. */
    readonly failing_for: number
    /** It has failed for a whole lease by now; told so once. */
    readonly lasting: boolean
  }
  /** The jobs were read and are followed from now on. */
  'stream.opened': EventBase & {
    /** How many jobs were read. */
    readonly jobs: number
  }
  /** The database is away; due runs that need no answer of it wait. */
  'stream.interrupted': EventBase & {
    readonly reason: string
  }
  /** The stream goes on where it broke: nothing was missed. */
  'stream.resumed': EventBase
  /** The stream's history was lost or the collection replaced: all jobs were read anew. Or the slow second reading found `jobs` jobs
   *  otherwise than the stream had told. */
  'stream.resynced': EventBase & {
    readonly reason: string
    /** How many jobs were read, or found otherwise. */
    readonly jobs: number
  }
  /** A job was added. */
  'job.added': PlannedEvent
  /** A job was changed in other ways than those below. */
  'job.modified': PlannedEvent
  /** A job has another node now. */
  'job.moved': JobEvent & {
    /** Its node before, where that node itself tells it. Null: it had none, or its new node tells it (or the database, read as events):
     *  a document does not say where it was. */
    readonly from: string | null
    /** Its node now; null: it waits for one. */
    readonly to: string | null
  }
  /** A job runs no more until it is resumed. */
  'job.paused': JobEvent & {
    /** The node that paused it, after `pause_after_failures`; absent: a person. */
    readonly by?: string
  }
  /** A paused job runs again, from now on. */
  'job.resumed': PlannedEvent
  /** A job is gone: removed by a person, or its schedule is over. */
  'job.removed': JobEvent & {
    readonly reason?: string
  }
  /** A job cannot be scheduled; `state.error` says so, too. */
  'job.invalid': JobEvent & {
    /** What is wrong, field by field. */
    readonly problems: readonly Problem[]
  }
  /** A job without a node was taken by one. */
  'job.adopted': JobEvent & {
    /** That node. */
    readonly ip: string
  }
  /** A job whose node is not there, and that no other may take. */
  'job.stranded': JobEvent & {
    /** The node it waits for. */
    readonly ip: string
  }
  /** A due run is this node's: the write that says so was acknowledged. */
  'run.claimed': RunEvent & {
    /** Rises with every claim of the job. */
    readonly fence: bigint
    /** How many due times the run stands for. */
    readonly coalesced: number
    /** Caused by the trigger; false: ordered by a person. */
    readonly scheduled: boolean
  }
  /** The function begins. */
  'run.started': AttemptEvent & {
    /** Milliseconds after the run time (and its jitter). */
    readonly late: number
  }
  /** The function has returned. */
  'run.executed': EndedEvent & {
    /** What it returned. */
    readonly result: unknown
  }
  /** The function threw, or the run could not be performed. */
  'run.error': EndedEvent & {
    readonly error: Failure
  }
  /** A failed run is tried again. */
  'run.retrying': AttemptEvent & {
    /** When. */
    readonly retry_at: Date
    /** How the attempt before failed. */
    readonly error: Failure
  }
  /** A due time was too late to be run (`misfire_grace_time`). */
  'run.missed': RunEvent & {
    /** Milliseconds after the run time (and its jitter). */
    readonly late: number
    /** How many due times it stands for. */
    readonly coalesced: number
  }
  /** A due time was not run because `max_instances` were going on. */
  'run.max_instances': RunEvent & {
    /** How many due times it stands for. */
    readonly coalesced: number
  }
  /** The run took longer than the job's `timeout` and was aborted. */
  'run.timeout': EndedEvent & {
    readonly error: Failure
  }
  /** The run was aborted because somebody asked for that. */
  'run.cancelled': EndedEvent & {
    readonly reason: string
  }
  /** The run's node died in the middle. */
  'run.interrupted': AttemptEvent & {
    /** That node. */
    readonly lost_node: string
    /** It is run once more (`on_interrupt`); absent: whoever tells this does not know. */
    readonly rerun?: boolean
  }
}

/** What can happen: `node.…`, `clock.…`, `stream.…`, `job.…`, `run.…`. */
export type EventType = keyof EventFields

/** The event of one type, or of several: `EventOf<'run.executed' | 'run.error'>`. */
export type EventOf<T extends EventType> = { [K in T]: { readonly type: K } & EventFields[K] }[T]

/** The union of all events; switch on `type`. */
export type TidewheelEvent = EventOf<EventType>

/** An event before the node stamps it with `at` and `node`. */
export type News<T extends EventType = EventType> = { [K in T]: Omit<EventOf<K>, keyof EventBase> }[T]

/** All types, and whether the database shows that it happened. What it does not show a node alone can tell, in its own `events$`. */
export const SHOWN: Readonly<Record<EventType, boolean>> = {
  'node.started': true,
  'node.standby': false,
  'node.paused': true,
  'node.resumed': true,
  'node.draining': true,
  'node.stopped': true,
  'node.fenced': false,
  'node.joined': false,
  'node.lost': true,
  'clock.jumped': false,
  'try.failed': false,
  'stream.opened': false,
  'stream.interrupted': false,
  'stream.resumed': false,
  'stream.resynced': false,
  'job.added': true,
  'job.modified': true,
  'job.moved': true,
  'job.paused': true,
  'job.resumed': true,
  'job.removed': true,
  'job.invalid': true,
  'job.adopted': true,
  'job.stranded': false,
  'run.claimed': false,
  'run.started': true,
  'run.executed': true,
  'run.error': true,
  'run.retrying': false,
  'run.missed': true,
  'run.max_instances': true,
  'run.timeout': true,
  'run.cancelled': true,
  'run.interrupted': true,
}

/** An operator that keeps events of some types, and narrows to them: `events$.pipe(ofType('run.executed', 'run.error'))`.
 *  Throws `invalid_option` for a type that does not exist. */
export function ofType<T extends EventType>(...types: readonly T[]): OperatorFunction<TidewheelEvent, EventOf<T>> {
  for (const type of types) {
    if (typeof type === 'string' && Object.hasOwn(SHOWN, type)) continue
    const near = typeof type === 'string' ? nearest(type, Object.keys(SHOWN)) : undefined
    const message = `ofType: there is no event ${typeof type === 'string' ? JSON.stringify(type) : `of type ${typeof type}`}`
    const advice = near === undefined ? 'run.executed is one' : `did you mean ${near}?`
    throw new TidewheelError('invalid_option', `${message}; ${advice}`, { path: 'type' })
  }
  const wanted: ReadonlySet<string> = new Set(types)
  return filter((event): event is EventOf<T> & TidewheelEvent => wanted.has(event.type)) as OperatorFunction<
    TidewheelEvent,
    EventOf<T>
  >
}
