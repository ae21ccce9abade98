/** Samples: tasks and jobs that `tidewheel dev` starts with, so that there is something to see and to change.
 *  In: the nodes there are, and the time. Out: functions by name, and job documents spread over the nodes.
 *  They only wait and speak: nothing outside the process is touched. */
import { firstValueFrom, timer } from 'rxjs'
import { systemClock } from '../clock.ts'

/** What these functions use of a run. */
interface SampleRun {
  readonly runTime: Date
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly log: { info(text: string): void }
}

export const SAMPLE_TASKS = {
  'sample:hello': (run: SampleRun, name = 'world') => {
    run.log.info(`hello, ${name}`)
    return `hello, ${name}`
  },
  'sample:tick': (run: SampleRun) => run.runTime.toISOString(),
  'sample:report': async (run: SampleRun) => {
    run.log.info('counting')
    const { seconds = REPORT_SECONDS } = run.kwargs
    await firstValueFrom(timer(Number(seconds) * 1000, systemClock))
    return { pages: 3 }
  },
  'sample:remind': (run: SampleRun) => run.log.info('a minute is over'),
}

const REPORT_SECONDS = 0.3
const MINUTE_MS = 60_000

/** One for each kind of trigger; the date is a minute ahead. */
export function sampleJobs(ips: readonly string[], now: number) {
  const ip = (index: number) => ips[index % ips.length] as string
  return [
    {
      _id: 'hello',
      name: 'Says hello every two seconds',
      func: 'sample:hello',
      args: ['world'],
      trigger: { type: 'interval', seconds: 2 },
      ip: ip(0),
      tags: ['sample'],
    },
    {
      _id: 'tick',
      name: 'Ticks at every full ten seconds',
      func: 'sample:tick',
      trigger: { type: 'cron', second: '*/10' },
      ip: ip(1),
      tags: ['sample'],
    },
    {
      _id: 'report',
      name: 'Counts pages on the hour',
      func: 'sample:report',
      kwargs: { seconds: REPORT_SECONDS },
      trigger: { type: 'cron', expression: '0 * * * *' },
      ip: ip(0),
      tags: ['sample'],
    },
    {
      _id: 'remind',
      name: 'Reminds once, a minute after the start, and is gone then',
      func: 'sample:remind',
      trigger: { type: 'date', run_date: new Date(now + MINUTE_MS) },
      ip: ip(1),
      tags: ['sample'],
    },
  ] as const
}
