/** Log: events → pino lines, one for each event, with a level of its own; and the loggers of runs.
 *  In: events. Out: JSON lines with `job_id`, `run_id` and the rest as fields. Parts of the node never log: they emit. */
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
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

/** A logger that says nothing. */
export const silent = (): Logger => pino({ level: 'silent' })

/** The logger that the option `logger` of an embedded node means. False: none is heard. Absent: warnings and errors go to
 *  stderr, so that a task that fails is seen by somebody who configured nothing. */
export function loggerOf(given: Logger | false | undefined): Logger {
  if (given === false) return silent()
  return given ?? streamLogger(process.stderr, { level: 'warn', base: { name: 'tidewheel' } })
}

/** A logger to a stream (else to standard output), one JSON object a line. */
export const jsonLogger = (options: LoggerOptions = {}, stream?: DestinationStream): Logger =>
  stream === undefined ? pino({ base: null, ...options }) : pino({ base: null, ...options }, stream)

/** A stream that may be a terminal, such as stdout. */
export interface LogStream extends DestinationStream {
  readonly isTTY?: boolean
}

/** A logger to a stream: a line for people each on a terminal, a JSON object each else. */
export function streamLogger(stream: LogStream, options: LoggerOptions = {}): Logger {
  if (!stream.isTTY) return jsonLogger(options, stream)
  const readable = prettyFactory({
    colorize: !process.env.NO_COLOR,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  })
  // Line by line and at once: what is told just before the process ends is seen too.
  return jsonLogger(options, { write: line => void stream.write(readable(line)) })
}

/** How much it matters: what is `debug` goes by by itself. */
export const levelOf = (event: TidewheelEvent): Level =>
  event.type === 'try.failed' && event.lasting ? 'warn' : (LEVELS[event.type] ?? 'info')

/** Writes one event. */
export function logEvent(logger: Logger, event: TidewheelEvent): void {
  const { type, at: _at, ...fields } = event
  const level = levelOf(event)
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
