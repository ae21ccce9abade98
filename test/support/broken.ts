/** Documents as nobody should write them: a good job with wrong values in random places, the same ones for the same seed.
 *  They are for inserts and updates that pass by the validator; some values only another driver, or a raw write, could store. */
import {
  Binary,
  BSONRegExp,
  Code,
  type Collection,
  Decimal128,
  type Document,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from 'mongodb'
import type { Loose } from './node.ts'

export interface Dice {
  /** From 0 up to, not including, `n`. */
  below(n: number): number
  of<T>(values: readonly T[]): T
}

export function diceOf(seed: number): Dice {
  let state = seed >>> 0
  // Mulberry32.
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return { below, of: values => values[below(values.length)] as never }
}

/** A date that MongoDB can store and JavaScript cannot hold. */
export function farDate(ms = 8.64e15 + 1): Date {
  const date = new Date()
  date.getTime = () => ms
  return date
}

const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: [nested(depth - 1)] })

const VALUES: readonly (() => unknown)[] = [
  () => null,
  () => undefined,
  () => 5,
  () => -1.5,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => Long.MAX_VALUE,
  () => Decimal128.fromString('1e400'),
  () => true,
  () => '',
  () => 'x',
  () => '\ud800\0',
  () => new Date(),
  () => new Date(-1),
  () => new Date(8.64e15),
  () => new Date(-8.64e15),
  () => farDate(),
  () => farDate(-9e18),
  () => new ObjectId(),
  () => new Binary(Buffer.from([0xff, 0xfe])),
  () => new Code('return 1'),
  () => new Timestamp({ t: 1, i: 1 }),
  () => new MinKey(),
  () => new MaxKey(),
  () => /x/,
  () => new BSONRegExp('x', 'i'),
  () => [],
  () => [null],
  () => [[]],
  () => [{}],
  () => ['x', 5, farDate()],
  () => ({}),
  () => ({ run_time: 'x' }),
  () => ({ a: null }),
  () => ({ toString: 5, valueOf: 5, toJSON: 5 }),
  () => [{ toString: 5, valueOf: 5 }],
  () => ({ constructor: 1, length: 3, valueOf: 5 }),
  () => new Map([['_bsontype', 'Nonsense']]),
  () => [new Map([['_bsontype', 'Long']])],
  () => ({ $ref: 'x', $id: 1 }),
  () => nested(30),
]

/** Where in a document. */
const PLACES = [
  ...['name', 'tags', 'func', 'args', 'kwargs', 'ip', 'standby', 'executor', 'misfire_grace_time', 'coalesce'],
  ...['max_instances', 'overlap', 'pause_after_failures', 'note', 'timeout', 'retry', 'on_interrupt', 'cancel'],
  ...['next_run_time', 'next_run_time', 'next_run_time', 'run_at', 'run_at.0', 'touch', 'retry.delay'],
  ...['trigger', 'trigger.type', 'trigger.hours', 'trigger.start_date', 'trigger.timezone', 'trigger.exclude'],
  ...['trigger.jitter', 'trigger.expression', 'trigger.triggers', 'trigger.end_date', 'nonsense', 'toString'],
  ...['state', 'state', 'state', 'state.job', 'state.running', 'state.running.0', 'state.running.1'],
  ...['state.running.0.run_id', 'state.running.0.run_time', 'state.running.0.job', 'state.running.0.incarnation'],
  ...['state.running.0.retry_at', 'state.running.0.node', 'state.running.0.attempt', 'state.waiting'],
  ...['state.waiting.run_time', 'state.waiting.coalesced', 'state.runs', 'state.fence', 'state.claimed_to'],
  ...['state.claimed_to', 'state.unrecorded', 'state.unrecorded.0', 'state.failures', 'state.error', 'state.over'],
  ...['state.paused_by', 'state.placed', 'state.home', 'state.assigned', 'state.planned', 'state.planned'],
  ...['state.planned.next_run_time', 'state.planned.next_run_time', 'state.planned.trigger', 'state.planned.ordered'],
]

/** A place and a value, for a `$set`. */
export const aWrongValue = (dice: Dice): Document => ({ [dice.of(PLACES)]: dice.of(VALUES)() })

/** A good document with one to three wrong values. */
export function aBrokenJob(_id: string, ip: string | undefined, dice: Dice): Loose {
  const at = new Date(Date.now() + dice.of([-100_000, -1_000, 0, 500, 3_600_000]))
  const entry = { run_id: `run-${_id}`, job: _id, run_time: at, claimed: at, node: 'none', incarnation: 'gone' }
  const states: readonly (Document | undefined)[] = [
    undefined,
    { job: _id, claimed_to: new Date(0), planned: { next_run_time: at, trigger: 'x' } },
    { job: 'another', running: [{ ...entry, attempt: 1 }] },
    { job: _id, running: [{ ...entry, attempt: 1 }], waiting: { run_time: at }, unrecorded: [{ run_id: 'u' }] },
  ]
  const state = dice.of(states)
  const job: Loose = {
    _id,
    func: 'note',
    trigger: { type: 'interval', hours: 1 },
    ...(ip !== undefined && { ip }),
    ...(dice.below(2) === 0 && { next_run_time: at }),
    ...(state && { state }),
  }
  for (let i = dice.below(3); i >= 0; i--) {
    for (const [path, value] of Object.entries(aWrongValue(dice))) put(job, path.split('.'), value)
  }
  return job
}

function put(within: Document, [first, ...rest]: readonly string[], value: unknown): void {
  const key = first as string
  if (rest.length === 0) within[key] = value
  else {
    const next = within[key]
    const isOpen = typeof next === 'object' && next !== null && !('_bsontype' in next) && !(next instanceof Map)
    if (!isOpen || next instanceof Date || next instanceof RegExp) within[key] = rest[0] === '0' ? [] : {}
    put(within[key], rest, value)
  }
}

/** Stores documents whatever the validator says; what the server itself refuses stays out. */
export async function insertUnchecked(jobs: Collection<Loose>, documents: readonly Loose[]): Promise<void> {
  await jobs
    .insertMany([...documents], { ordered: false, bypassDocumentValidation: true, ignoreUndefined: false })
    .catch(() => {})
}
