/** `tidewheel jobs`: the parent of what people do with jobs, and those that are one edit of one document.
 *  Each answers with the document as it lies in the database afterwards. */
import { Command } from 'commander'
import { ownZoneOf } from '../client/coming.ts'
import { TidewheelError } from '../errors.ts'
import type { Client, Job } from '../index.ts'
import { toJson } from '../json.ts'
import { addSettings, type Call, run, withClient, withExample } from './call.ts'
import { instantOf } from './instant.ts'
import { addCommand, editCommand } from './jobs-add.ts'
import { listCommand } from './jobs-list.ts'
import { jobsNextCommand } from './jobs-next.ts'

export function jobsCommand(): Command {
  const jobs = new Command('jobs').description('see and change jobs')
  const below = [
    listCommand(),
    getCommand(),
    addCommand(),
    editCommand(),
    moveCommand(),
    pauseCommand(),
    resumeCommand(),
    runCommand(),
    cancelCommand(),
    removeCommand(),
    jobsNextCommand(),
    backfillCommand(),
  ]
  for (const command of below) jobs.addCommand(command)
  return jobs
}

const getCommand = () =>
  withExample(
    new Command('get')
      .description('one job, as it lies in the database')
      .argument('<id>')
      .action(
        run([], async ({ settings, out }, _, id: string) => {
          const job = await withClient(settings, client => client.jobs.get(id))
          out.result(job, [toJson(job, 2)])
        }),
      ),
    ['tidewheel jobs get digest'],
  )

const moveCommand = () =>
  withExample(
    new Command('move')
      .description('have another node run a job')
      .argument('<id>')
      .argument('[ip]', 'the node')
      .option('--anywhere', 'have the cluster choose a living node')
      .action(
        run([], async (call, { anywhere = false }: { anywhere?: boolean }, id: string, ip: string | undefined) => {
          if (anywhere === (ip !== undefined)) {
            const message = 'jobs move: expected a node (its ip) or --anywhere, one of the two'
            throw new TidewheelError('invalid_option', message)
          }
          await change(call, id, client => client.jobs.move(id, ip ?? null), `moved to ${ip ?? 'a living node'}`)
        }),
      ),
    ['tidewheel jobs move digest 10.0.0.8', 'tidewheel jobs move digest --anywhere'],
  )

const pauseCommand = () =>
  withExample(
    new Command('pause')
      .description('no run until it is resumed')
      .argument('<id>')
      .option('--note <text>', 'why, or whom to ask')
      .action(
        run([], (call, { note }: { note?: string }, id: string) =>
          change(call, id, client => client.jobs.pause(id, note), 'paused'),
        ),
      ),
    ["tidewheel jobs pause digest --note 'ask Ann'"],
  )

const resumeCommand = () =>
  withExample(
    new Command('resume')
      .description('from now on; what was missed is not made up')
      .argument('<id>')
      .action(run([], (call, _, id: string) => change(call, id, client => client.jobs.resume(id), 'resumed'))),
    ['tidewheel jobs resume digest'],
  )

const runCommand = () =>
  withExample(
    new Command('run')
      .description('once more, now; the schedule stays')
      .argument('<id>')
      .action(run([], (call, _, id: string) => change(call, id, client => client.jobs.run(id), 'runs once more, now'))),
    ['tidewheel jobs run digest'],
  )

const cancelCommand = () =>
  withExample(
    new Command('cancel')
      .description('abort the runs of a job that go on, or one of them')
      .argument('<id>')
      .argument('[run]', "the run's id; default: all of the job")
      .action(
        run([], async (call, _, id: string, runId: string | undefined) => {
          const { settings, out } = call
          await withClient(settings, async client => {
            const job = await client.jobs.get(id)
            const going = (job.state?.running ?? []).map(({ run_id }) => run_id)
            if (runId !== undefined && !going.includes(runId)) {
              const advice = going.length === 0 ? 'No run of it goes on.' : `These go on: ${going.join(', ')}.`
              throw new TidewheelError('not_found', `job ${id}: no run ${runId} goes on`, { advice })
            }
            const asked = going.length === 0 ? job : await client.jobs.update(id, { cancel: runId ?? '*' })
            const what = runId ?? (going.length === 1 ? 'its run' : `its ${going.length} runs`)
            out.result(asked, [`${id}: ${going.length === 0 ? 'no run goes on' : `${what}: asked to abort`}`])
          })
        }),
      ),
    ['tidewheel jobs cancel digest', 'tidewheel jobs cancel digest 65b9f0c2a1'],
  )

const removeCommand = () =>
  withExample(
    new Command('remove')
      .description('remove jobs; runs in progress finish')
      .argument('<id...>')
      .action(
        run([], async ({ settings, out }, _, ids: readonly string[]) => {
          await withClient(settings, async client => {
            const removed: string[] = []
            const failed: unknown[] = []
            for (const id of ids) {
              try {
                await client.jobs.remove(id)
                removed.push(id)
              } catch (error) {
                failed.push(error)
              }
            }
            out.result(
              { removed },
              removed.map(id => `${id}: removed`),
            )
            for (const error of failed.slice(1)) out.note(`tidewheel: ${(error as Error).message}`)
            if (failed.length > 0) throw failed[0]
          })
        }),
      ),
    ['tidewheel jobs remove digest report'],
  )

const backfillCommand = () =>
  withExample(
    addSettings(
      new Command('backfill')
        .description('run the fire times of a past span once more')
        .argument('<id>')
        .requiredOption('--from <time>', 'first fire time')
        .requiredOption('--to <time>', 'last fire time')
        .action(
          run(['timezone'], async ({ settings, out }, options: { from: string; to: string }, id: string) => {
            const runs = await withClient(settings, async (client, { collections }) => {
              const job = await client.jobs.get(id)
              const zone = settings.timezone ?? (await ownZoneOf(job, collections.nodes))
              const from = instantOf(options.from, '--from', zone)
              const to = instantOf(options.to, '--to', zone)
              if (from > to) throw new TidewheelError('invalid_option', 'jobs backfill: --from is later than --to')
              return await client.jobs.backfill(id, { from, to })
            })
            out.result({ _id: id, runs }, [`${id}: ${runs} ${runs === 1 ? 'run' : 'runs'} more`])
          }),
        ),
      ['timezone'],
    ),
    ["tidewheel jobs backfill digest --from '2026-01-30 00:00' --to 2026-01-31"],
    "Times without an offset are of --timezone, else of the job's zone, else of its node's.",
  )

async function change(
  { settings, out }: Pick<Call, 'settings' | 'out'>,
  id: string,
  edit: (client: Client) => Promise<Job>,
  done: string,
): Promise<void> {
  const job = await withClient(settings, edit)
  out.result(job, [`${id}: ${done}`])
}
