/** `tidewheel jobs add` and `jobs edit`: JSON from a file or stdin becomes documents, or changes of one.
 *  A job is given as the document it will be, or in APScheduler's flat form; several as an array.
 *  The command cannot know the nodes' functions: `--wait` waits until the owner has planned the job, or said what is wrong. */
import { Command } from 'commander'
import { exhaustMap, filter, firstValueFrom, timeout, timer } from 'rxjs'
import { changesOfPatch } from '../client/edit.ts'
import { addTogether } from '../client/store.ts'
import { systemClock } from '../clock.ts'
import type { Database } from '../database/database.ts'
import { TidewheelError } from '../errors.ts'
import type { Client, FlatJob, Job, JobInput } from '../index.ts'
import { addSettings, type Call, run, withClient, withExample } from './call.ts'
import { inputOf } from './input.ts'

const LOOK_MS = 100
const WAIT_MS = 30_000
interface Options {
  readonly file?: string
  readonly replace?: boolean
  readonly partial?: boolean
  readonly wait?: boolean
}

const withFile = (command: Command) => command.option('--file <file>', 'JSON; default: stdin')

export const addCommand = () =>
  withExample(
    addSettings(
      withFile(new Command('add').description('add a job, or an array of jobs (all or none), from a file or stdin'))
        .option('--replace', 'bring a job of this id to this definition; its next run time stays')
        .option('--partial', 'of an array, add those that can be added')
        .option(
          '--wait',
          `wait until a node has planned it (${WAIT_MS / 1000} s at most); exit 2 if that finds it invalid`,
        )
        .action(
          run(['timezone'], async ({ settings, out }, options: Options) => {
            const given = await jsonOf(options.file)
            const inputs = (Array.isArray(given) ? given : [given]) as readonly (JobInput | FlatJob)[]
            if (inputs.length === 0)
              throw new TidewheelError('invalid_job', 'jobs add: expected a job, found an empty array')
            await withClient(settings, async (client, database) => {
              const add = options.partial ? addPart : addAll
              const { added, failed } = await add(inputs, { client, database, out, options, settings })
              if (!out.json) for (const { _id } of added) out.result(undefined, [`${_id}: added`])
              const jobs = options.wait ? await plannedAll(client, added) : added
              if (out.json) out.result(Array.isArray(given) ? jobs : jobs[0], [])
              if (failed !== undefined) throw failed
            })
          }),
        ),
      ['timezone'],
    ),
    [
      `echo '{"_id": "digest", "func": "mail:digest", "trigger": {"type": "interval", "minutes": 5}}' | tidewheel jobs add`,
      `echo '{"id": "digest", "func": "mail:digest", "trigger": "interval", "minutes": 5}' | tidewheel jobs add`,
      'tidewheel jobs add --file jobs.json --timezone Europe/Berlin',
    ],
    '--timezone is written into triggers that name no zone; without it the zone of their node counts.',
  )

interface Adding extends Pick<Call, 'out' | 'settings'> {
  readonly client: Client
  readonly database: Database
  readonly options: Options
}

interface Added {
  readonly added: readonly Job[]
  readonly failed?: unknown
}

/** All, or none. */
async function addAll(inputs: readonly (JobInput | FlatJob)[], adding: Adding): Promise<Added> {
  const { client, database, out, options, settings } = adding
  const { replace = false } = options
  const [first] = inputs
  if (inputs.length === 1 && first !== undefined) return { added: [await client.jobs.add(first, { replace })] }
  const { connection, collections } = database
  const where = { collection: () => collections.jobs, timezone: settings.timezone }
  try {
    return { added: await addTogether(connection.client, where, inputs, replace) }
  } catch (error) {
    const index = error instanceof TidewheelError ? error.data.index : undefined
    if (typeof index === 'number') out.note(`Job ${index + 1} of ${inputs.length} failed; none is added.`)
    throw error
  }
}

/** Those that can be added; answers the first failure. */
async function addPart(inputs: readonly (JobInput | FlatJob)[], adding: Adding): Promise<Added> {
  const { client, out, options } = adding
  const added: Job[] = []
  const failures: unknown[] = []
  for (const [index, input] of inputs.entries()) {
    try {
      added.push(await client.jobs.add(input, { replace: options.replace ?? false }))
    } catch (error) {
      failures.push(error)
      out.note(`Job ${index + 1} of ${inputs.length} is not added: ${(error as Error).message}`)
    }
  }
  return { added, failed: failures[0] }
}

async function plannedAll(client: Client, added: readonly Job[]): Promise<readonly Job[]> {
  const jobs: Job[] = []
  for (const job of added) jobs.push(await planned(client, job))
  return jobs
}

export const editCommand = () =>
  withExample(
    addSettings(
      withFile(new Command('edit').description('change fields of a job, from a file or stdin').argument('<id>')).action(
        run(['timezone'], async ({ settings, out }, { file }: Options, id: string) => {
          const changes = await jsonOf(file)
          if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) {
            throw new TidewheelError(
              'invalid_job',
              'jobs edit: expected an object of fields, such as {"max_instances": 2}',
            )
          }
          const job = await withClient(settings, client => client.jobs.update(id, changesOfPatch(changes)))
          out.result(job, [`${id}: changed`])
        }),
      ),
      ['timezone'],
    ),
    [`echo '{"trigger": {"type": "interval", "minutes": 10}, "ip": null}' | tidewheel jobs edit digest`],
    'Only the given fields change; null takes one away, where null is not a value of it.',
  )

/** Throws `invalid_option` where there is no input, `invalid_job` where it is no JSON. */
async function jsonOf(file: string | undefined): Promise<unknown> {
  const { text, where } = await inputOf(file)
  try {
    return JSON.parse(text, (_, value) => dated(value))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TidewheelError('invalid_job', `${where}: not JSON: ${reason}`, {}, { cause: error })
  }
}

/** MongoDB's JSON for dates, as its tools write it. */
function dated(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('$date' in value)) return value
  return typeof value.$date === 'string' ? new Date(value.$date) : value
}

/** The job once its node has planned it. Throws `invalid_job` with what its node says is wrong, `timeout` when none says a thing. */
async function planned(client: Client, job: Job): Promise<Job> {
  const id = job._id
  const looks$ = timer(0, LOOK_MS, systemClock).pipe(
    exhaustMap(() => present(client, id)),
    filter(isSettled),
    timeout({ first: WAIT_MS, scheduler: systemClock }),
  )
  const found = await firstValueFrom(looks$).catch((error: unknown) => {
    if ((error as Error).name !== 'TimeoutError') throw error
    const owner = job.ip === undefined ? 'no node' : `no node of the name ${job.ip}`
    const message = `job ${id}: added, but ${owner} has planned it within ${WAIT_MS / 1000} s`
    const ip = job.ip === undefined ? '' : ` --ip ${job.ip}`
    throw new TidewheelError('timeout', message, { id, advice: `Start one: tidewheel start${ip} --tasks FOLDER.` })
  })
  // One that ran for the last time is gone already.
  if (found === undefined) return job
  const problem = found.state?.error
  if (problem === undefined) return found
  throw new TidewheelError('invalid_job', `job ${id}: added, but its node cannot run it: ${problem}`, {
    id,
    advice: `Correct it (tidewheel jobs edit ${id}) or remove it (tidewheel jobs remove ${id}).`,
  })
}

/** Planned, found invalid, gone already, or paused: nobody plans that. */
const isSettled = (job: Job | undefined) =>
  job === undefined || job.state?.error !== undefined || job.state?.planned !== undefined || job.next_run_time === null

async function present(client: Client, id: string): Promise<Job | undefined> {
  try {
    return await client.jobs.get(id)
  } catch (error) {
    if (error instanceof TidewheelError && error.code === 'not_found') return undefined
    throw error
  }
}
