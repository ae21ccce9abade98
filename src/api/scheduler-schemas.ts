/** Scheduler schemas: what `/scheduler` takes and answers, for checks and for the API's description.
 *  Here stand the names, with what each means; what their values may be the parser of jobs says, in its own sentences. */
import { z } from 'zod'
import { describe } from '../job/parse.ts'
import { TRIGGER_FIELDS } from '../trigger/trigger.ts'

/** A field that the parser of jobs checks. */
const field = (description: string, ...type: readonly string[]) =>
  z
    .unknown()
    .optional()
    .meta({ description, type: type.length === 1 ? type[0] : type })

const ofJob = (name: string, ...type: readonly string[]) => field(describe(name), ...type)

/** JSON has no dates. */
const jsonTypes = (bson: readonly string[]) => [...new Set(bson.map(type => (type === 'date' ? 'string' : type)))]

const { type: _type, ...TRIGGER } = TRIGGER_FIELDS

const fields = {
  name: ofJob('name', 'string'),
  func: ofJob('func', 'string'),
  args: ofJob('args', 'array'),
  kwargs: ofJob('kwargs', 'object'),
  trigger: field(
    'trigger: date, interval, cron, and or or, with its fields beside it; or an object such as {type: interval, minutes: 5}',
    'string',
    'object',
  ),
  ...Object.fromEntries(
    Object.entries(TRIGGER).map(([name, { description, bson }]) => [name, field(description, ...jsonTypes(bson))]),
  ),
  misfire_grace_time: ofJob('misfire_grace_time', 'number', 'null'),
  coalesce: ofJob('coalesce', 'boolean'),
  max_instances: ofJob('max_instances', 'integer'),
  next_run_time: field(
    'next_run_time: ISO text such as 2026-01-31T08:00:00Z, or null to pause; without an offset in the zone of the job',
    'string',
    'null',
  ),
  executor: ofJob('executor', 'string'),
  ip: ofJob('ip', 'string', 'null'),
  standby: ofJob('standby', 'array', 'string'),
  tags: ofJob('tags', 'array'),
  jobstore: field('jobstore: of APScheduler; there is one store here, so it says nothing', 'string', 'null'),
}

export const AddedJob = z
  .strictObject({
    id: field('id: the id of the job, needed; text such as digest', 'string'),
    ...fields,
    replace_existing: field('replace_existing: true brings an existing job to this definition', 'boolean'),
  })
  .meta({ id: 'AddedFlatJob' })

export const ChangedJob = z
  .strictObject({ id: field('id: cannot change; leave it out', 'string'), ...fields })
  .meta({ id: 'ChangedFlatJob', description: 'What changes; a trigger comes with all its fields' })

export const ShownJob = z
  .looseObject({
    id: z.string(),
    name: z.string(),
    func: z.string(),
    args: z.array(z.unknown()),
    kwargs: z.record(z.string(), z.unknown()),
    trigger: z.string().describe('date, interval, cron, and, or; its fields lie beside it'),
    timezone: z.string().describe('the zone that the job is reckoned in'),
    misfire_grace_time: z.number().nullable(),
    coalesce: z.boolean(),
    max_instances: z.int(),
    executor: z.string(),
    ip: z.string().nullable().describe('null: no node has it yet'),
    standby: z.union([z.array(z.string()), z.literal('any')]),
    tags: z.array(z.string()),
    next_run_time: z.string().nullable().describe('ISO text with an offset; null: it is paused, or over'),
  })
  .meta({ id: 'FlatJob' })

export const SchedulerInfo = z
  .object({
    current_host: z.string(),
    allowed_hosts: z.array(z.string()),
    running: z.boolean().describe('the node that serves is started; also while it is paused'),
  })
  .meta({ id: 'SchedulerInfo' })

export const Shutdown = z
  .strictObject({
    wait: z.boolean().default(true).describe('false: the answer does not wait for the runs that go on'),
  })
  .meta({ id: 'Shutdown' })

export const JobId = z.object({ id: z.string().describe('the id of a job') })
