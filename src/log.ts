/** Log: events → pino lines, one for each event, with a level of its own; and the loggers of runs.
 *  In: events. Out: JSON lines with `job_id`, `run_id` and the rest as fields. Parts of the node never log: they emit. */
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino'
import type { EventType, TidewheelEvent } from './event.ts'

export type { Logger }

type Level = 'debug' | 'info' | 'warn' | 'error'

/** What is not listed is `info`. */
const LEVELS: Partial<Record<EventType, Level>> = {
  'node.fenced': 'error',
  'node.lost': 'warn',
  'node.standby': 'warn',
  'clock.jumped': 'warn',
  'stream.interrupted': 'warn',
  'stream.resynced': 'warn',
  'job.invalid': 'warn',
  'job.stranded': 'warn',
  'try.failed': 'debug',
  'job.modified': 'debug',
  'run.claimed': 'debug',
  'run.started': 'debug',
  'run.error': 'error',
  'run.missed': 'warn',
  'run.max_instances': 'warn',
  'run.timeout': 'error',
  'run.interrupted': 'error',
}

/** A logger that says nothing: the default where an application embeds a node. */
export const silent = (): Logger => pino({ level: 'silent' })

/** A logger to a stream (else to standard output), one JSON object a line. */
export const jsonLogger = (options: LoggerOptions = {}, stream?: DestinationStream): Logger =>
  stream === undefined ? pino({ base: null, ...options }) : pino({ base: null, ...options }, stream)

/** Writes one event. */
export function logEvent(logger: Logger, event: TidewheelEvent): void {
  const { type, at: _at, ...fields } = event
  const level = event.type === 'try.failed' && event.lasting ? 'warn' : (LEVELS[type] ?? 'info')
  if (!logger.isLevelEnabled(level)) return
  logger[level](fields, type)
}

/** A child of the node's logger for one run, whose lines are also kept. */
export function runLogger(
  parent: Logger,
  fields: Readonly<Record<string, unknown>>,
  keep: (line: string) => void,
): Logger {
  const child = parent.child(fields)
  const stream = {
    write(line: string) {
      keep(line.trimEnd())
    },
  }
  const kept = pino({ base: null, level: 'trace' }, stream)
  return new Proxy(child, {
    get(target, key, receiver) {
      const value = Reflect.get(target, key, receiver)
      if (typeof key !== 'string' || !(key in kept.levels.values)) return value
      const tail = Reflect.get(kept, key) as (...args: unknown[]) => void
      return (...args: unknown[]) => {
        tail.apply(kept, args)
        ;(value as (...args: unknown[]) => void).apply(target, args)
      }
    },
  })
}
