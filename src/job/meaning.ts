/** Meaning: what each field of a job's document is for, in words, with its type, what an absent one means and an example.
 *  In: a path such as `max_instances`, `retry.delay`, `trigger.minutes` or `state.running`. Out: all that can be said of it, and of
 *  the fields below it. Types come from the validator, what is allowed from the schema's descriptions and from TRIGGER_FIELDS,
 *  defaults from JOB_DEFAULTS; only the meanings stand here, word for word as the interfaces of job.ts have them. Pure. */
import { nearest, TidewheelError } from '../errors.ts'
import type { TriggerField, TriggerKind } from '../trigger/fields.ts'
import { TRIGGER_FIELDS } from '../trigger/trigger.ts'
import { JOB_DEFAULTS, type Job } from './job.ts'
import { describe } from './parse.ts'
import { JOBS_VALIDATOR, type JsonSchema } from './schema.ts'

interface Said {
  readonly meaning: string
  /** What its absence means, where no value of JOB_DEFAULTS stands for it. */
  readonly absent?: string
  /** A value of it. */
  readonly example?: unknown
}

type Named<T> = keyof { readonly [F in keyof T as string extends F ? never : F extends `x_${string}` ? never : F]: 0 }

/** 2027-01-31T08:00:00Z. */
const A_TIME = new Date(1_801_382_400_000)

/** The fields of the document itself. */
export const MEANINGS: Readonly<Record<Named<Job>, Said>> = {
  _id: { meaning: "The job's id: text of 1 to 255 characters.", absent: 'one is made', example: 'digest' },
  name: { meaning: 'A name for people.', absent: 'the _id', example: 'Nightly report' },
  description: { meaning: 'A sentence for people.', absent: 'none', example: 'Sends the report' },
  tags: { meaning: 'Words to find and group jobs by.', example: ['billing', 'nightly'] },
  func: {
    meaning:
      'What is called: a name that code registered (`mail:digest`), `module:export` of the tasks folder, or with the executor `script` a path below the workspace folder.',
    absent: 'required',
    example: 'mail:digest',
  },
  args: {
    meaning: 'What the function is called with, after the run: `func(run, ...args)`; a script gets them as arguments.',
    example: ['ann', 42],
  },
  kwargs: { meaning: 'Named arguments: the function finds them in `run.kwargs`.', example: { to: 'ann' } },
  trigger: { meaning: 'When it runs.', absent: 'required', example: { type: 'interval', minutes: 5 } },
  ip: {
    meaning:
      'The node that runs it: its ip, or any name without whitespace. Absent: the cluster places it on a living node.',
    absent: 'a living node takes it',
    example: '10.0.0.7',
  },
  standby: {
    meaning: "Other nodes that may take the job over when its own is dead: their ips, or `'any'`.",
    absent: '[], or any where the cluster placed it',
    example: ['10.0.0.8'],
  },
  executor: {
    meaning:
      "Where it runs: `'default'` (in the node's process), `'process'` (a pool of child processes), `'script'` (a file of the workspace), or a pool that the node's options name.",
    example: 'process',
  },
  misfire_grace_time: {
    meaning: 'Seconds by which a run may start late, above 0; one that is later is missed. Null: however late.',
    example: 300,
  },
  coalesce: {
    meaning: 'Several run times that are due at once become one run, the latest; false: each runs.',
    example: false,
  },
  max_instances: {
    meaning: 'How many runs of it may go on at once in the whole cluster, 1 to 1,000.',
    example: 3,
  },
  overlap: {
    meaning:
      "What a due run does while `max_instances` go on: not run (`'skip'`), wait for a place, one at most (`'queue_one'`), or abort the oldest (`'cancel_other'`).",
    example: 'queue_one',
  },
  pause_after_failures: {
    meaning: 'After so many failed runs in a row it is paused, from 1. Null: never.',
    example: 5,
  },
  note: {
    meaning: 'Why it is paused, or whom to ask; a resume takes it away.',
    absent: 'none',
    example: 'ask Ann',
  },
  timeout: {
    meaning: 'Seconds after which a run is aborted, above 0. Null: as long as it likes.',
    example: 300,
  },
  retry: {
    meaning: 'How failed runs are tried again.',
    absent: 'not at all',
    example: { max_attempts: 3, delay: 10, factor: 2 },
  },
  on_interrupt: { meaning: 'Whether a run whose node died in the middle is run again.', example: 'rerun' },
  cancel: {
    meaning: "The id of a run to abort, or `'*'` for all of this job; the node that did it takes it away.",
    absent: 'nothing is to be aborted',
    example: '*',
  },
  next_run_time: {
    meaning:
      'When it runs next. Null: paused, or finished while its last run goes on (`state.over`). Absent: no node has planned it yet.',
    absent: 'the trigger says when',
    example: A_TIME,
  },
  run_at: {
    meaning: 'Runs beside the schedule, 1,000 at most; each goes with the claim that runs it.',
    absent: 'none',
    example: [A_TIME],
  },
  state: { meaning: 'What nodes keep of it.', absent: 'no node has seen it yet' },
  touch: {
    meaning: 'Fresh at each write that a node makes of its own accord; leave it out of your updates.',
    absent: 'no node has written to it yet',
  },
}

/** What lies deeper, by path. */
const DEEPER: Readonly<Record<string, Said>> = {
  'retry.max_attempts': {
    meaning: 'How many attempts a run has, the first one among them: a whole number from 1.',
    absent: 'required',
    example: 3,
  },
  'retry.delay': {
    meaning: 'Seconds from the first failure to the second attempt, from 0.',
    absent: 'required',
    example: 10,
  },
  'retry.factor': { meaning: 'By how much each wait is longer than the one before.', absent: '1', example: 2 },
  'retry.max_delay': { meaning: 'Seconds that no wait exceeds.', absent: 'none', example: 600 },
  'state.job': { meaning: "The job's `_id`: elsewhere it is a copy, and counts for nothing." },
  'state.running': { meaning: 'Runs that were claimed and whose ends are not stored yet.' },
  'state.waiting': { meaning: "A due run that waits for a place (`overlap: 'queue_one'`)." },
  'state.runs': { meaning: 'How many runs were claimed.' },
  'state.fence': { meaning: 'Of the latest claim; rises with each.' },
  'state.claimed_to': { meaning: 'The latest run time of the schedule that was claimed.' },
  'state.unrecorded': { meaning: 'Ends, and due times that did not run, whose rows are still to be stored.' },
  'state.last_run_time': { meaning: 'When the last run that ended was due.' },
  'state.last_status': { meaning: 'How the last run ended: `executed`, `error` and so on.' },
  'state.failures': { meaning: 'Failed runs in a row.' },
  'state.error': { meaning: 'Why the document cannot be scheduled; any edit has it tried again.' },
  'state.over': {
    meaning: 'The schedule has no further run time; the document goes when its last run has ended.',
  },
  'state.paused_by': { meaning: 'Which node paused it, after `pause_after_failures`.' },
  'state.placed': { meaning: 'The cluster chose its node.' },
  'state.home': { meaning: 'The node it was taken over from.' },
  'state.assigned': { meaning: 'Where a node put it last.' },
  'state.planned': { meaning: "What a node planned last: tells a person's edit from a node's write." },
  'state.running.run_id': { meaning: "The run's id, that of its row in the history." },
  'state.running.job': { meaning: "The job's `_id`: elsewhere it is a copy." },
  'state.running.run_time': { meaning: 'When it was due, without jitter.' },
  'state.running.claimed': { meaning: 'When it was claimed.' },
  'state.running.node': { meaning: 'The node that claimed it.' },
  'state.running.incarnation': { meaning: "That of the node's process." },
  'state.running.attempt': { meaning: 'Which attempt it is, from 1.' },
  'state.running.retry_at': { meaning: 'When the next attempt begins.' },
  'state.running.ordered': { meaning: 'A person ordered it.' },
  'state.running.coalesced': { meaning: 'How many due times it stands for, where that is more than one.' },
}

/** All that can be said of a field. */
export interface Explained {
  /** `''` for the document itself. */
  readonly path: string
  readonly meaning: string
  /** Such as `integer`, `text or null`. */
  readonly type: string
  /** What is allowed, in a sentence. */
  readonly takes?: string
  /** The value that an absent one means. */
  readonly default?: unknown
  /** What its absence means, where no value stands for it. */
  readonly absent?: string
  readonly example?: unknown
  /** Of a trigger's field: which kinds of trigger have it. */
  readonly kinds?: readonly TriggerKind[]
  /** The fields below it, without their own. */
  readonly fields?: readonly Explained[]
}

const OWN_DATA: Explained = {
  path: 'x_…',
  meaning: 'Your own data: fields whose names begin with `x_`.',
  type: 'anything',
}

/** What a path means; `''` is the whole document. Throws `invalid_option` for a path that is none. */
export function explain(path: string): Explained {
  const words = path.split('.').filter(word => word !== '' && !/^\d+$/.test(word))
  const [first = '', ...rest] = ['job', 'jobs'].includes(words[0] ?? '') ? words.slice(1) : words
  if (first === '') {
    const fields = Object.keys(MEANINGS).map(name => fieldOf([name]))
    return { path: '', meaning: 'A job.', type: 'object', fields: [...fields, OWN_DATA] }
  }
  if (first.startsWith('x_')) return OWN_DATA
  if (!Object.hasOwn(MEANINGS, first)) throw noField('a job', first, Object.keys(MEANINGS))
  if (first === 'trigger') return ofTrigger(rest)
  return withFields([first, ...rest])
}

function withFields(words: readonly string[]): Explained {
  const field = fieldOf(words)
  const fields = below(words).map(name => fieldOf([...words, name]))
  return fields.length === 0 ? field : { ...field, fields }
}

/** Throws where one of the words names no field. */
function fieldOf(words: readonly string[]): Explained {
  const [top = '', ...rest] = words
  for (const [i, word] of rest.entries()) {
    const parent = [top, ...rest.slice(0, i)]
    const known = below(parent)
    if (!known.includes(word)) throw noField(parent.join('.'), word, known)
  }
  const path = words.join('.')
  const { meaning, absent, example } = said(path)
  const value = (JOB_DEFAULTS as Readonly<Record<string, unknown>>)[path]
  const takes = rest.length === 0 ? describe(top).replace(`${top}: `, '') : undefined
  return {
    path,
    meaning,
    type: typeOf(schemaOf(words)),
    ...(takes !== undefined && { takes }),
    ...(absent !== undefined ? { absent } : value !== undefined && { default: value }),
    ...(example !== undefined && { example }),
  }
}

const said = (path: string): Said =>
  (MEANINGS as Readonly<Record<string, Said>>)[path] ?? DEEPER[path] ?? { meaning: '' }

const KINDS: readonly TriggerKind[] = TRIGGER_FIELDS.type.types
const TRIGGER_TABLE: readonly (readonly [name: string, field: TriggerField])[] = Object.entries(TRIGGER_FIELDS)
/** What an absent field of a trigger means. */
const ABSENT: Readonly<Record<string, string>> = {
  type: 'required',
  run_date: 'at once',
  start_date: 'from now on',
  end_date: 'without end',
  timezone: 'that of the node that runs the job',
  jitter: '0',
  triggers: 'required',
  exclude: 'none',
  expression: 'the fields say when',
  year: 'any',
  week: 'any',
  day_of_week: 'any',
  second: '0',
}

/** `trigger`, one kind of it (`trigger.cron`), or one field of it; members of `and` and `or` are triggers themselves. */
function ofTrigger(words: readonly string[]): Explained {
  const rest = words.filter((word, i) => word !== 'triggers' || i === words.length - 1)
  const [word, more] = rest
  if (more !== undefined) throw noField(`trigger.${word}`, more, [])
  const kind = KINDS.find(name => name === word)
  if (word === undefined || kind !== undefined) {
    const table = TRIGGER_TABLE.filter(([, { types }]) => kind === undefined || types.includes(kind))
    const field = fieldOf(['trigger'])
    return { ...field, fields: table.map(([name, one]) => triggerField(name, one)) }
  }
  const found = TRIGGER_TABLE.find(([name]) => name === word)
  if (found === undefined) throw noField('trigger', word, [...TRIGGER_TABLE.map(([name]) => name), ...KINDS])
  return triggerField(...found)
}

function triggerField(name: string, { types, bson, description }: TriggerField): Explained {
  const takes = description.replace(`${name}: `, '')
  const absent = ABSENT[name] ?? (types.includes('cron') ? 'any, or its least where only coarser ones are given' : '0')
  return { path: `trigger.${name}`, meaning: takes, type: bson.map(wordOf).join(' or '), absent, kinds: types }
}

function noField(parent: string, name: string, known: readonly string[]): TidewheelError {
  const near = Object.hasOwn(TRIGGER_FIELDS, name) ? `trigger.${name}` : nearest(name, known)
  const advice =
    near !== undefined
      ? `did you mean ${near}?`
      : known.length === 0
        ? 'it has no fields'
        : `known are ${known.join(', ')}`
  return new TidewheelError('invalid_option', `${name}: not a field of ${parent}; ${advice}`, {
    path: name,
    advice: 'See all of them: tidewheel explain.',
  })
}

/** The part of the validator that is about these words. */
function schemaOf([top = '', ...rest]: readonly string[]): JsonSchema {
  const rules = (JOBS_VALIDATOR.$jsonSchema as { readonly allOf: readonly JsonSchema[] }).allOf
  const properties = rules.map(rule => propertiesOf(rule)[top])
  let found = properties.find(schema => schema !== undefined) ?? {}
  for (const word of rest) found = propertiesOf(membersOf(found))[word] ?? {}
  return found
}

/** Of an array its items, else itself. */
const membersOf = (schema: JsonSchema): JsonSchema => (schema.items as JsonSchema | undefined) ?? schema

const propertiesOf = (schema: JsonSchema) =>
  (schema.properties ?? {}) as Readonly<Record<string, JsonSchema | undefined>>

/** The names of the fields below. */
const below = (words: readonly string[]): readonly string[] =>
  words[0] === 'trigger' ? [] : Object.keys(propertiesOf(membersOf(schemaOf(words))))

function typeOf(schema: JsonSchema): string {
  const { bsonType, enum: words, anyOf, multipleOf, items } = schema
  if (Array.isArray(words)) return words.join(' or ')
  if (Array.isArray(anyOf)) return anyOf.map(typeOf).join(' or ')
  const names = [bsonType].flat().map(name => (multipleOf === 1 && name === 'int' ? 'integer' : wordOf(String(name))))
  const types = [...new Set(names)].filter(name => name !== 'number' || multipleOf !== 1)
  const of = items === undefined ? '' : ` of ${typeOf(items as JsonSchema)}`
  return types.map(name => (name === 'array' ? `${name}${of}` : name)).join(' or ')
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  bool: 'true or false',
  int: 'number',
  long: 'number',
  double: 'number',
  undefined: 'anything',
}

const wordOf = (bson: string) => WORDS[bson] ?? bson

/** Every path that can be explained. */
export const PATHS: readonly string[] = [
  ...Object.keys(MEANINGS),
  ...Object.keys(DEEPER),
  ...TRIGGER_TABLE.map(([name]) => `trigger.${name}`),
]
