/** Crontab: the lines of a crontab as jobs that run scripts, and those scripts.
 *  In: the text, whose it is, and how ids begin. Out: a job and a script for each command whose schedule means here what it means to
 *  cron; all else is told line by line. The trigger keeps the line's own schedule. Pure: nothing is written. */
import { TidewheelError } from '../errors.ts'
import { type CrontabTrigger, nextFireTime } from '../trigger/trigger.ts'
import { cronScript, isName } from './cron-script.ts'
import { type CommandLine, type CrontabLine, crontabLines } from './crontab-line.ts'
import { Finding, type Found } from './found.ts'
import { commandSlug, Slugs } from './slug.ts'

export interface CrontabOptions {
  /** A column with the user stands before each command. */
  readonly system?: boolean
  /** Of a system crontab, the user whose lines become jobs. */
  readonly user?: string
  /** What ids begin with. Default `cron`. Another one also names a folder below `crontab/`. */
  readonly prefix?: string
  /** Where jobs run. Absent: the cluster chooses. */
  readonly ip?: string
  /** Of schedules above which no CRON_TZ stands. */
  readonly timezone?: string
}

export interface CrontabFound extends Found {
  readonly scripts: readonly Script[]
}

export interface Script {
  /** Below the workspace. */
  readonly path: string
  /** What its first line names. Default /bin/sh. */
  readonly interpreter?: string
  /** Without its first line. */
  readonly text: string
}

export const CRON_PREFIX = 'cron'
const NICKNAMES = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/i
const MINUTE_S = 60

export function fromCrontab(text: string, options: CrontabOptions = {}): CrontabFound {
  const { system = false, prefix = CRON_PREFIX, ip } = options
  const found = new Finding()
  const scripts: Script[] = []
  const slugs = new Slugs()
  for (const read of crontabLines(text, { system })) {
    const from = { line: read.line, text: read.text }
    const why = lossOf(read, options)
    if (why !== undefined) found.skip(from, why)
    if (why !== undefined || read.kind !== 'command') continue
    const trigger = triggerOf(read, options.timezone)
    const refused = refusal(trigger)
    if (refused !== undefined) {
      found.skip(from, refused)
      continue
    }
    const slug = slugs.give(commandSlug(read.command))
    const path = `crontab/${prefix === CRON_PREFIX ? '' : `${prefix}/`}${slug}.sh`
    const job = {
      _id: `${prefix}-${slug}`,
      name: read.command.trim(),
      func: path,
      executor: 'script',
      trigger,
      ...(ip !== undefined && { ip }),
    }
    if (found.take(job, from)) scripts.push({ path, text: cronScript(read) })
  }
  return { jobs: found.jobs, skipped: found.skipped, scripts }
}

/** Why a line does not come along; undefined: it does. */
function lossOf(read: CrontabLine, options: CrontabOptions): string | undefined {
  if (read.kind === 'strange') return 'neither a variable nor a schedule with a command'
  return read.kind === 'variable' ? variableLoss(read.name, read.value) : commandLoss(read, options)
}

const variableLoss = (name: string, value: string): string | undefined =>
  name === 'MAILTO' && value !== ''
    ? 'nothing is mailed; what a command writes stands in its history, tidewheel logs JOB shows it'
    : name === 'LOGNAME'
      ? 'a command runs as the user of its node; cron does not let it be set either'
      : isName(name)
        ? undefined
        : 'no shell takes this as the name of a variable'

function commandLoss({ schedule, user, command, variables }: CommandLine, options: CrontabOptions): string | undefined {
  if (schedule.toLowerCase() === '@reboot') {
    return 'no job starts with a machine; start the command where the node is started'
  }
  if (options.system && user !== options.user) {
    return `runs as ${user}, a job as the user of its node; to take the lines of that user give --user ${user}`
  }
  if (!options.system && /^root\s/.test(command)) {
    return 'its command begins with root: if that is the user, as in a system crontab, give --system'
  }
  const delay = variables.get('RANDOM_DELAY')
  if (delay && !/^\d+$/.test(delay)) return `RANDOM_DELAY: expected minutes, found ${delay}`
  return scheduleLoss(schedule)
}

const MONTHS = 'jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec'
const WEEKDAYS = 'sun|mon|tue|wed|thu|fri|sat'
const FIELDS = ['minute', 'hour', 'day', 'month', 'weekday'] as const

/** What cron itself takes; what we take beyond that is no reason to start what cron does not run. */
const ITEMS = FIELDS.map(field => {
  const names = field === 'month' ? `|${MONTHS}` : field === 'weekday' ? `|${WEEKDAYS}` : ''
  const value = `(?:\\d{1,2}${names})`
  const item = `(?:\\*(?:/\\d+)?|${value}(?:-${value}(?:/\\d+)?)?)`
  return new RegExp(`^${item}(?:,${item})*$`, 'i')
})

function scheduleLoss(schedule: string): string | undefined {
  if (NICKNAMES.test(schedule)) return undefined
  if (schedule.startsWith('@')) return `${schedule} is not one of cron's names`
  const texts = schedule.split(' ')
  for (const [index, field] of FIELDS.entries()) {
    const text = texts[index] ?? ''
    if (text.includes('~'))
      return `${field} ${text}: a random time within a range; choose one, or give the job a jitter`
    if (!ITEMS[index]?.test(text)) return `${field} ${text} is not understood, by most kinds of cron neither`
  }
  return undefined
}

function triggerOf({ schedule, variables }: CommandLine, timezone: string | undefined): CrontabTrigger {
  const zone = variables.get('CRON_TZ') || timezone
  const delay = Number(variables.get('RANDOM_DELAY') ?? 0)
  return {
    type: 'cron',
    expression: schedule,
    ...(zone !== undefined && { timezone: zone }),
    ...(delay > 0 && { jitter: delay * MINUTE_S }),
  }
}

/** Why such a trigger is refused here. */
function refusal(trigger: CrontabTrigger): string | undefined {
  try {
    const first = nextFireTime(trigger, null, new Date(0))
    return first === null ? 'no time satisfies this schedule' : undefined
  } catch (error) {
    if (error instanceof TidewheelError) return error.message
    throw error
  }
}
