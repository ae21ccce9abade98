/** `tidewheel jobs`: the parent of what people do with jobs, and those that are one edit of one document.
 *  Each answers with the document as it lies in the database afterwards. */
import { Command } from 'commander'
import type { Client, Job } from '../index.ts'
import { TidewheelError } from '../index.ts'
import { addSettings, type Call, run, withClient } from './call.ts'
import { instantOf } from './instant.ts'
import { addCommand, editCommand } from './jobs-add.ts'
import { listCommand } from './jobs-list.ts'
import { jobsNextCommand } from './jobs-next.ts'
import { toJson } from './output.ts'

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
    removeCommand(),
    jobsNextCommand(),
    backfillCommand(),
  ]
  for (const command of below) jobs.addCommand(command)
  return jobs
}

const getCommand = () =>
  new Command('get')
    .description('one job, as it lies in the database')
    .argument('<id>')
    .action(
      run([], async ({ settings, out }, _, id: string) => {
        const job = await withClient(settings, client => client.jobs.get(id))
        out.result(job, [toJson(job, 2)])
      }),
    )

const moveCommand = () =>
  new Command('move')
    .description('have another node run a job')
    .argument('<id>')
    .argument('[ip]', 'the node')
    .option('--anywhere', 'have the cluster choose a living node')
    .action(
      run([], async (call, { anywhere = false }: { anywhere?: boolean }, id: string, ip: string | undefined) => {
        if (anywhere === (ip !== undefined)) {
          throw new TidewheelError(
            'invalid_option',
            'jobs move: expected a node (its ip) or --anywhere, one of the two',
          )
        }
        await change(call, id, client => client.jobs.move(id, ip ?? null), `moved to ${ip ?? 'a living node'}`)
      }),
    )

const pauseCommand = () =>
  new Command('pause')
    .description('no run until it is resumed')
    .argument('<id>')
    .option('--note <text>', 'why, or whom to ask')
    .action(
      run([], (call, { note }: { note?: string }, id: string) =>
        change(call, id, client => client.jobs.pause(id, note), 'paused'),
      ),
    )

const resumeCommand = () =>
  new Command('resume')
    .description('from now on; what was missed is not made up')
    .argument('<id>')
    .action(run([], (call, _, id: string) => change(call, id, client => client.jobs.resume(id), 'resumed')))

const runCommand = () =>
  new Command('run')
    .description('once more, now; the schedule stays')
    .argument('<id>')
    .action(run([], (call, _, id: string) => change(call, id, client => client.jobs.run(id), 'runs once more, now')))

const removeCommand = () =>
  new Command('remove')
    .description('remove jobs; runs in progress finish')
    .argument('<id...>')
    .action(
      run([], async ({ settings, out }, _, ids: readonly string[]) => {
        const removed: string[] = []
        await withClient(settings, async client => {
          for (const id of ids) {
            await client.jobs.remove(id)
            removed.push(id)
          }
        })
        out.result(
          { removed },
          removed.map(id => `${id}: removed`),
        )
      }),
    )

const backfillCommand = () => {
  const command = new Command('backfill')
    .description('run the fire times of a past span once more')
    .argument('<id>')
    .requiredOption('--from <time>', 'first fire time')
    .requiredOption('--to <time>', 'last fire time')
    .action(
      run(['timezone'], async ({ settings, out }, options: { from: string; to: string }, id: string) => {
        const { timezone } = settings
        const span = {
          from: instantOf(options.from, '--from', timezone),
          to: instantOf(options.to, '--to', timezone),
        }
        if (span.from > span.to) throw new TidewheelError('invalid_option', 'jobs backfill: --from is later than --to')
        const runs = await withClient(settings, client => client.jobs.backfill(id, span))
        out.result({ _id: id, runs }, [`${id}: ${runs} ${runs === 1 ? 'run' : 'runs'} more`])
      }),
    )
  return addSettings(command, ['timezone'])
}

async function change(
  { settings, out }: Pick<Call, 'settings' | 'out'>,
  id: string,
  edit: (client: Client) => Promise<Job>,
  done: string,
): Promise<void> {
  const job = await withClient(settings, edit)
  out.result(job, [`${id}: ${done}`])
}
