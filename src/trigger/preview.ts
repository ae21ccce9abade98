/** Preview: what would this trigger do? For somebody who is still typing it.
 *  In: a trigger of any kind, or what is to become one. Out: it in words, its next times, and what is wrong with it. It never throws for
 *  the trigger's sake: a wrong one has problems, no words and no times. */
import { type Problem, TidewheelError } from '../errors.ts'
import { givenCount, givenOptions, givenZone, instant } from './given.ts'
import { fireTimes, parseTrigger, type Trigger } from './trigger.ts'
import { inWords } from './words.ts'

/** What `previewTrigger` takes beside the trigger. */
export interface PreviewOptions {
  /** The zone of a trigger that names none. Default: UTC. */
  readonly timezone?: string
  /** From here on. Default: now. */
  readonly after?: Date
  /** How many times, 0 to 1,000. Default: 10. */
  readonly count?: number
}

/** A trigger in words, its next times, and what is wrong with it. */
export interface TriggerPreview {
  /** Such as `At 09:00, Monday through Friday`; `''` for a wrong one. */
  readonly words: string
  readonly times: readonly Date[]
  /** Empty: it is right. */
  readonly problems: readonly Problem[]
}

const MOST = 1_000

/** Throws `invalid_option` for wrong options. */
export function previewTrigger(trigger: unknown, options: PreviewOptions = {}): TriggerPreview {
  const where = 'previewTrigger'
  const given = givenOptions(options, where, ['timezone', 'after', 'count'])
  const count = givenCount(given.count, where, MOST)
  const zone = givenZone(given.timezone, where)
  const from = given.after === undefined ? {} : { after: new Date(instant(given.after, `${where}: after`)) }
  try {
    parseTrigger(trigger, zone)
    const words = wordsOf(trigger as Trigger)
    const times = fireTimes(trigger as Trigger, { ...zone, ...from, count })
    const first = times[0] ?? fireTimes(trigger as Trigger, { ...zone, after: new Date(0), count: 1 })[0]
    const never = { path: 'trigger', message: 'trigger: can never fire: no time satisfies it' }
    return { words, times, problems: first === undefined ? [never] : [] }
  } catch (error) {
    if (!(error instanceof TidewheelError) || error.code !== 'invalid_trigger') throw error
    const path = typeof error.data.path === 'string' ? error.data.path : 'trigger'
    return { words: '', times: [], problems: [{ path, message: error.message }] }
  }
}

/** A right trigger for which there are no words has none. */
function wordsOf(trigger: Trigger): string {
  try {
    return inWords(trigger)
  } catch {
    return ''
  }
}
