/** Samples: tasks and jobs that `tidewheel dev` starts with, so that there is something to see and to change.
 *  In: the nodes there are, and the time. Out: functions by name, and job documents spread over the nodes: one for each kind of
 *  trigger, some that fail, one that takes its time and says how far it is, one that is paused, and a crowd at the full minute.
 *  They only wait and speak: nothing outside the process is touched. */
import { firstValueFrom, fromEvent, race, timer } from 'rxjs'
import { systemClock } from '../clock.ts'

/** What these functions use of a run. */
interface SampleRun {
  readonly runTime: Date
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly signal: AbortSignal
  readonly log: { info(text: string): void }
}

export const SAMPLE_TASKS = {
  'sample:hello': (run: SampleRun, name = 'world') => {
    run.log.info(`hello, ${name}`)
    return `hello, ${name}`
  },
  'sample:tick': (run: SampleRun) => run.runTime.toISOString(),
  'sample:report': async (run: SampleRun) => {
    const { pages = PAGES, seconds = SECONDS_A_PAGE } = run.kwargs
    for (let page = 1; page <= Number(pages); page++) {
      await pause(run, Number(seconds))
      run.log.info(`page ${page} of ${pages}`)
    }
    return { pages }
  },
  'sample:remind': (run: SampleRun) => run.log.info('a minute is over'),
  'sample:mail': (run: SampleRun, to: string) => {
    run.log.info(`connecting to the post office of ${to}`)
    if (Math.floor(run.runTime.getTime() / MAIL_MS) % 3 === 0) throw new Error(`${to}: the post office does not answer`)
    return { sent: 1 }
  },
  'sample:wait': (run: SampleRun) => pause(run, WAIT_SECONDS),
  'sample:count': async (run: SampleRun) => {
    await pause(run, COUNT_SECONDS)
    return run.runTime.getUTCMinutes()
  },
}

const PAGES = 3
const SECONDS_A_PAGE = 0.1
const MAIL_MS = 20_000
const WAIT_SECONDS = 3_600
const COUNT_SECONDS = 0.2
const MINUTE_MS = 60_000
const CROWD = 24

/** Ends early when the run is to be aborted. */
const pause = ({ signal }: SampleRun, seconds: number): Promise<unknown> =>
  firstValueFrom(race(timer(seconds * 1000, systemClock), fromEvent(signal, 'abort')))

/** The date is a minute ahead. */
export function sampleJobs(ips: readonly string[], now: number) {
  const ip = (index: number) => ips[index % ips.length] as string
  const crowd = Array.from({ length: CROWD }, (_, index) => ({
    _id: `count-${String(index + 1).padStart(2, '0')}`,
    name: 'Counts at the full minute, with many others',
    func: 'sample:count',
    trigger: { type: 'cron' as const, second: '0' },
    ip: ip(index),
    tags: ['sample', 'crowd'],
  }))
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
      standby: 'any' as const,
      tags: ['sample'],
    },
    {
      _id: 'report',
      name: 'Counts pages on the hour',
      func: 'sample:report',
      trigger: { type: 'cron', expression: '0 * * * *' },
      ip: ip(0),
      tags: ['sample', 'report'],
    },
    {
      _id: 'long-report',
      name: 'Takes its time twice a minute, and says how far it is',
      func: 'sample:report',
      kwargs: { pages: 12, seconds: 1 },
      trigger: { type: 'interval', seconds: 30 },
      ip: ip(1),
      standby: 'any' as const,
      tags: ['sample', 'report'],
    },
    {
      _id: 'mail',
      name: 'Fails every third time',
      func: 'sample:mail',
      args: ['ann@example.org'],
      trigger: { type: 'interval', seconds: 20 },
      ip: ip(0),
      tags: ['sample', 'mail'],
    },
    {
      _id: 'stuck',
      name: 'Never ends by itself, and is aborted after three seconds',
      func: 'sample:wait',
      trigger: { type: 'interval', seconds: 45 },
      timeout: 3,
      ip: ip(1),
      tags: ['sample'],
    },
    {
      _id: 'newsletter',
      name: 'Is paused, and says why',
      func: 'sample:mail',
      args: ['readers@example.org'],
      trigger: { type: 'cron', expression: '0 9 * * 1', timezone: 'Europe/Berlin' },
      next_run_time: null,
      note: 'ask Ann before it goes out again',
      ip: ip(0),
      tags: ['sample', 'mail'],
    },
    {
      _id: 'remind',
      name: 'Reminds once, a minute after the start, and is gone then',
      func: 'sample:remind',
      trigger: { type: 'date', run_date: new Date(now + MINUTE_MS) },
      ip: ip(1),
      tags: ['sample'],
    },
    ...crowd,
  ] as const
}
