/** `tidewheel jobs next`: the coming run times of one job, those ordered beside its schedule among them.
 *  They go on from `next_run_time` as its node will; a paused job has none. */
import { Command } from 'commander'
import { fireTimes, type Job, nextFireTime } from '../index.ts'
import { addSettings, run, withClient } from './call.ts'
import { countOf, wallTime } from './instant.ts'
import { MOST_TIMES } from './next.ts'

export const jobsNextCommand = () =>
  addSettings(
    new Command('next')
      .description('the coming run times of a job')
      .argument('<id>')
      .option('-n, --count <n>', 'how many times', '10')
      .action(
        run(['timezone'], async ({ settings, out }, options: { count: string }, id: string) => {
          const { timezone } = settings
          const count = countOf(options.count, '--count', MOST_TIMES)
          const job = await withClient(settings, client => client.jobs.get(id))
          const times = comingRuns(job, count, timezone)
          const zone = job.trigger.timezone ?? timezone
          out.result(
            times,
            times.map(time => wallTime(time, zone)),
          )
          if (times.length === 0 && !out.json) out.note(whyNone(job))
        }),
      ),
    ['timezone'],
  )

function comingRuns(job: Job, count: number, timezone: string): readonly Date[] {
  const ordered = job.run_at ?? []
  const times = [...ordered, ...scheduled(job, count, timezone)].map(time => time.getTime())
  return [...new Set(times)]
    .sort((a, b) => a - b)
    .slice(0, count)
    .map(time => new Date(time))
}

function scheduled({ next_run_time: next, trigger }: Job, count: number, timezone: string): readonly Date[] {
  if (next === null) return []
  if (next === undefined) return fireTimes(trigger, { count, timezone })
  const times: Date[] = []
  for (let time: Date | null = next; time !== null && times.length < count; ) {
    times.push(time)
    time = nextFireTime(trigger, time, time, { timezone })
  }
  return times
}

const whyNone = (job: Job) =>
  job.next_run_time === null && job.state?.over !== true
    ? `${job._id} is paused; tidewheel jobs resume ${job._id} goes on from then.`
    : `${job._id} does not run any more.`
