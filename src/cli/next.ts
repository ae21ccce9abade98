/** `tidewheel next`: when does a trigger fire? Needs no database.
 *  In: a trigger as JSON (ours, or APScheduler's flat fields), or crontab text. Out: a line that says the trigger in
 *  words, and its next times, as wall time of its zone with the offset; with `--json` an array of ISO instants. */
import { Command } from 'commander'
import { TidewheelError } from '../errors.ts'
import type { Trigger } from '../index.ts'
import { fireTimes } from '../trigger/trigger.ts'
import { inWords } from '../trigger/words.ts'
import { run, withExample } from './call.ts'
import { countOf, instantOf, wallTime } from './instant.ts'

export const MOST_TIMES = 10_000

interface Options {
  readonly count: string
  readonly after?: string
}

export const nextCommand = () =>
  withExample(
    new Command('next')
      .description('when a trigger fires; needs no database')
      .argument('<trigger>', 'JSON such as {"type":"interval","minutes":5}, or crontab text such as "*/5 * * * *"')
      .option('-n, --count <n>', 'how many times', '10')
      .option('--after <time>', 'from this time on; default: now')
      .option('--timezone <zone>', 'zone of a trigger that names none (default: UTC)')
      .action(
        run(['timezone'], async ({ settings: { timezone = 'UTC' }, out }, { count, after }: Options, text: string) => {
          const trigger = triggerOf(text)
          const times = fireTimes(trigger, {
            timezone,
            count: countOf(count, '--count', MOST_TIMES),
            ...(after !== undefined && { after: instantOf(after, '--after', timezone) }),
          })
          const lines = times.map(time => wallTime(time, trigger.timezone ?? timezone))
          out.result(times, [inWords(trigger, { timezone }), ...lines])
          if (times.length === 0) out.note('It does not fire any more.')
        }),
      ),
    [
      "tidewheel next '30 8 * * mon-fri' --timezone Europe/Berlin -n 5",
      `tidewheel next '{"type": "interval", "minutes": 5}' --after 2026-01-31`,
    ],
  )

/** Text that is no JSON is crontab text; the trigger's own reader says what is wrong with either. */
function triggerOf(text: string): Trigger & { readonly timezone?: string | null } {
  if (!/^\s*[{["]/.test(text)) return { type: 'cron', expression: text }
  const given = parsed(text)
  if (typeof given === 'string') return { type: 'cron', expression: given }
  if (typeof given !== 'object' || given === null || !('trigger' in given)) return given as Trigger
  const { trigger, ...fields } = given
  return (typeof trigger === 'string' ? { ...fields, type: trigger } : trigger) as Trigger
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TidewheelError('invalid_trigger', `trigger: not JSON: ${reason}`, { path: 'trigger' }, { cause: error })
  }
}
