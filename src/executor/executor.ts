/** Executor: something that performs runs, and the places it has for them.
 *  In: a run. Out: a promise of what its function returned, or a rejection with what it threw. An executor honours
 *  `run.signal`: it ends what it can end. It never touches the database and never decides what an outcome means. */
import type { Logger } from 'pino'
import type { Job } from '../job/job.ts'
import type { WorkspaceFile } from './workspace.ts'

/** What a task function gets as its first argument. */
export interface Run {
  /** Unique for each attempt. */
  readonly id: string
  /** The document as it was at the claim. */
  readonly job: Job
  /** The job's `args`; the function gets them after the run, too. */
  readonly args: readonly unknown[]
  /** The job's `kwargs`. */
  readonly kwargs: Readonly<Record<string, unknown>>
  /** When it was due, without jitter. */
  readonly runTime: Date
  /** 1 for the first. */
  readonly attempt: number
  /** Aborts at the job's `timeout`, on `cancel`, and when the node loses its lease or stops without waiting. */
  readonly signal: AbortSignal
  /** Its lines are kept with the run. */
  readonly log: Logger
  /** Rises with every claim of the job: hand it to what you write to, and refuse a lower one there. */
  readonly fence: bigint
}

/** A job's function: `(run, ...args) => value`. */
export type Task = (run: Run, ...args: never[]) => unknown

/** How long a run that was aborted may take to end by itself, in ms. */
export const KILL_AFTER_MS = 5_000

/** `default`: functions, in the node's process; `process`: functions of the tasks folder, in others; `script`: files of the workspace. */
export type ExecutorKind = 'default' | 'process' | 'script'

export interface Executor {
  /** Absent: it can perform nothing here, whatever the function. */
  readonly kind?: ExecutorKind
  /** How many runs at once. */
  readonly places: number
  /** It ends an aborted run by force when it has to, so that its end is waited for and no run is left behind. */
  readonly kills?: boolean
  /** Why `func` cannot be performed here; undefined: it can. Quick: it is asked for each document that is loaded. */
  problem(func: string): string | undefined
  perform(run: Run): Promise<unknown>
  /** What it can perform, where that are files. */
  files?(): Promise<readonly WorkspaceFile[]>
  /** Ends what still goes on and every process of it; a later run starts them again. */
  close(): Promise<void>
}
