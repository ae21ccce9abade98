/** `tidewheel jobs next`: the coming run times of one job, those ordered beside its schedule among them.
 *  They go on from `next_run_time` as its node will, in the job's zone or its node's; a paused job has none. */
import { Command } from 'commander'
import { ownZoneOf } from '../client/coming.ts'
import { systemClock } from '../clock.ts'
import type { Job } from '../index.ts'
import { addSettings, run, withClient, withExample } from './call.ts'
import { countOf, fromNow, wallTime } from './instant.ts'
import { MOST_TIMES } from './next.ts'
import { isTerminal } from './output.ts'

export const jobsNextCommand = () =>
  withExample(
    addSettings(
      new Command('next')
        .description('the coming run times of a job')
        .argument('<id>')
        .option('-n, --count <n>', 'how many times', '10')
        .action(
          run(['timezone'], async ({ settings, out }, options: { count: string }, id: string) => {
            const count = countOf(options.count, '--count', MOST_TIMES)
            const { job, zone, times } = await withClient(settings, async (client, { collections }) => {
              const found = await client.jobs.get(id)
              const zone = await ownZoneOf(found, collections.nodes)
              return { job: found, zone, times: await client.jobs.next(id, count) }
            })
            out.result(
              times,
              times.map(time => lineOf(time, settings.timezone ?? zone)),
            )
            if (times.length === 0 && !out.json) out.note(whyNone(job))
          }),
        ),
      ['timezone'],
    ),
    ['tidewheel jobs next digest -n 3', 'tidewheel jobs next digest --timezone Asia/Tokyo'],
    "They are reckoned in the job's zone, else in that of its node; --timezone only says in which zone they are shown.",
  )

const lineOf = (time: Date, zone: string) =>
  isTerminal() ? `${wallTime(time, zone)}  ${fromNow(time, systemClock.now())}` : wallTime(time, zone)

const whyNone = (job: Job) =>
  job.next_run_time === null && job.state?.over !== true
    ? `${job._id} is paused; tidewheel jobs resume ${job._id} goes on from then.`
    : `${job._id} does not run any more.`
