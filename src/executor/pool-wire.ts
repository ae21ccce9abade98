/** Pool wire: what a worker and its child process say to each other, as values that can be cloned.
 *  The child hears of runs and of their abort; home come log lines and how each run ended.
 *  Both sides import it, so it knows neither. Pure. */
import type { Failure } from '../event.ts'
import type { Run } from './executor.ts'

/** What crosses of a run. */
export type Call = Omit<Run, 'signal' | 'log'>
export type ToChild =
  | { readonly type: 'run'; readonly call: Call }
  | { readonly type: 'abort'; readonly reason: unknown }
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type FromChild =
  | { readonly type: 'ready' }
  | { readonly type: 'log'; readonly run: string; readonly level: LogLevel; readonly args: readonly unknown[] }
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'thrown'; readonly value: unknown }
  | { readonly type: 'error'; readonly error: Failure }
  /** It is about to end because of this. */
  | { readonly type: 'crash'; readonly error: Failure }

/** Ends what a run printed; a line that no program prints by chance. */
export const markOf = (runId: string) => `\0end of ${runId}`

/** Beside stdin, stdout, stderr and the messages: a pipe that closes when the parent is gone. */
export const LIFELINE = 4
