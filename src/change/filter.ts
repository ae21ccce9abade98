/** Filter: which events of the jobs collection the server sends to a node, and what one event means for it.
 *  Writes by nodes carry a fresh `touch` and are dropped on the server, so the stream grows with people's edits, not with runs.
 *  All that is pure: the pipeline is data, and an event is read without asking the database. */

/** Fields that only people write: an update with one of them counts even when it also carries `touch`,
 *  which is what a `$set` of a whole document that somebody read earlier looks like. */
const PEOPLES_FIELDS = [
  'name',
  'description',
  'tags',
  'func',
  'args',
  'kwargs',
  'trigger',
  'standby',
  'executor',
  'misfire_grace_time',
  'coalesce',
  'max_instances',
  'overlap',
  'pause_after_failures',
  'note',
  'timeout',
  'retry',
  'on_interrupt',
] as const

/** Fields of which memory keeps nothing: a change of these alone needs no second look at the document. */
const NOT_HELD: ReadonlySet<string> = new Set([
  'name',
  'description',
  'tags',
  'args',
  'kwargs',
  'note',
  'standby',
  'on_interrupt',
])

const set = (field: string) => ({ [`updateDescription.updatedFields.${field}`]: { $exists: true } })

/** The server-side stages for the node `ip`. Fields that the filter names are scalars or written whole. */
export function pipelineFor(ip: string): readonly Record<string, unknown>[] {
  return [
    {
      $match: {
        $or: [
          { operationType: 'insert', 'fullDocument.ip': { $in: [ip, null] } },
          { operationType: { $in: ['replace', 'delete', 'drop', 'rename', 'dropDatabase', 'invalidate'] } },
          {
            operationType: 'update',
            $or: [
              { 'updateDescription.updatedFields.touch': { $exists: false } },
              { 'updateDescription.removedFields': 'ip' },
              set('ip'),
              set('cancel'),
              // Nodes write fields within it; an old copy holds all of it, and so does the first write to a new job.
              set('state'),
              ...PEOPLES_FIELDS.map(set),
            ],
          },
        ],
      },
    },
  ]
}

/** What one update event says. */
export interface Update {
  /** The `ip` it sets; null: unset; undefined: untouched. */
  readonly ip: string | null | undefined
  /** A person gave the job to a node: nobody says beside it that a node assigned it. */
  readonly given: boolean
  /** Whether it sets or unsets `next_run_time`, and to what. */
  readonly armed: boolean
  readonly next_run_time: Date | null | undefined
  readonly cancel: string | undefined
  /** Fresh at each write of a node. */
  readonly touch: string | undefined
  /** Something that memory keeps changed beyond what the event itself tells. */
  readonly read: boolean
}

/** Reads an update event's description; dotted keys count for the field they lie in. */
export function readUpdate(description: {
  readonly updatedFields?: Readonly<Record<string, unknown>> | null
  readonly removedFields?: readonly string[] | null
  readonly truncatedArrays?: readonly { readonly field: string }[] | null
}): Update {
  const set = description.updatedFields ?? {}
  const unset = description.removedFields ?? []
  const cut = (description.truncatedArrays ?? []).map(array => array.field)
  const fields = [...Object.keys(set), ...unset, ...cut].map(key => key.split('.', 1)[0] as string)
  const told = new Set(['ip', 'next_run_time', 'cancel'])
  return {
    ip: typeof set.ip === 'string' ? set.ip : 'ip' in set || unset.includes('ip') ? null : undefined,
    given: typeof set.ip === 'string' && !('touch' in set || 'state' in set || 'state.assigned' in set),
    armed: 'next_run_time' in set || unset.includes('next_run_time'),
    next_run_time: set.next_run_time as Date | null | undefined,
    cancel: typeof set.cancel === 'string' ? set.cancel : undefined,
    touch: typeof set.touch === 'string' ? set.touch : undefined,
    read: fields.some(field => !told.has(field) && !NOT_HELD.has(field) && !field.startsWith('x_')),
  }
}
