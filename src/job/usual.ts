/** Usual: whether a document is well, told at a glance.
 *  In: a document, or its state. Out: true only where the schema would find nothing wrong; false says nothing, the schema has to look.
 *  Most documents of most readings are usual, and the schema takes ten times as long. Pure. */
import { isFence, isObject, NODE_NAME } from './job.ts'

type Check = (value: unknown) => boolean

const isText: Check = value => typeof value === 'string'
/** Units of UTF-16 are at least as many as characters. */
const isName: Check = value => typeof value === 'string' && value !== '' && value.length <= 255
const isNode: Check = value => typeof value === 'string' && NODE_NAME.test(value)
const isBoolean: Check = value => typeof value === 'boolean'
const isDate: Check = value => value instanceof Date && !Number.isNaN(value.getTime())
const isCount: Check = value => Number.isSafeInteger(value) && (value as number) >= 0
const isFew: Check = value => isCount(value) && (value as number) >= 1 && (value as number) <= 1_000
const isSpan: Check = value => typeof value === 'number' && value > 0 && value <= 1e12
const isAtLeastOne: Check = value => isCount(value) && (value as number) >= 1
const isEmpty: Check = value => Array.isArray(value) && value.length === 0
const isTexts: Check = value => Array.isArray(value) && value.every(isText)
const orNull = (check: Check): Check => {
  return value => value === null || check(value)
}

const PLANNED: ReadonlyMap<string, Check> = new Map([
  ['next_run_time', orNull(isDate)],
  ['trigger', isText],
  ['ordered', isBoolean],
])

const RUNNING: ReadonlyMap<string, Check> = new Map([
  ['run_id', isText],
  ['job', isText],
  ['run_time', isDate],
  ['claimed', isDate],
  ['node', isText],
  ['incarnation', isText],
  ['attempt', isAtLeastOne],
  ['retry_at', isDate],
  ['ordered', isBoolean],
  ['coalesced', isAtLeastOne],
])
const OF_EACH_RUN = ['run_id', 'job', 'run_time', 'claimed', 'node', 'incarnation', 'attempt'] as const
const isRunning: Check = value => has(value, ...OF_EACH_RUN) && all(value, RUNNING)

const STATE: ReadonlyMap<string, Check> = new Map([
  ['job', isText],
  ['running', value => Array.isArray(value) && value.every(isRunning)],
  ['runs', isCount],
  ['fence', isFence],
  ['claimed_to', isDate],
  ['unrecorded', isEmpty],
  ['last_run_time', isDate],
  ['last_status', isText],
  ['failures', isCount],
  ['error', isText],
  ['over', isBoolean],
  ['paused_by', isText],
  ['placed', isBoolean],
  ['home', isText],
  ['assigned', isText],
  ['planned', value => has(value, 'next_run_time', 'trigger') && all(value, PLANNED)],
])

/** A job's other fields are rare. */
const JOB: ReadonlyMap<string, Check> = new Map([
  ['_id', isName],
  ['name', isText],
  ['description', isText],
  ['tags', isTexts],
  ['func', isName],
  ['args', Array.isArray],
  ['kwargs', isObject],
  ['trigger', isObject],
  ['ip', isNode],
  ['executor', isName],
  ['misfire_grace_time', orNull(isSpan)],
  ['coalesce', isBoolean],
  ['max_instances', isFew],
  ['pause_after_failures', orNull(isFew)],
  ['note', isText],
  ['timeout', orNull(isSpan)],
  ['next_run_time', orNull(isDate)],
  ['run_at', isEmpty],
  ['state', isUsualState],
  ['touch', isText],
])

export const isUsual = (document: unknown): boolean => has(document, '_id', 'func', 'trigger') && all(document, JOB)

export function isUsualState(state: unknown): boolean {
  return isObject(state) && all(state, STATE)
}

const has = (value: unknown, ...fields: readonly string[]): value is object =>
  isObject(value) && fields.every(field => Object.hasOwn(value, field))

function all(value: object, checks: ReadonlyMap<string, Check>): boolean {
  for (const [field, held] of Object.entries(value)) {
    if (checks.get(field)?.(held) !== true) return false
  }
  return true
}
