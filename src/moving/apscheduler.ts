/** APScheduler: the lines that scripts/export_apscheduler.py writes, as jobs.
 *  In: the text, one job in JSON a line, and which of its functions are tasks here. Out: jobs that call the others by a script, and, line
 *  by line, what of a job does not come along. Run times are kept to the millisecond, a paused job stays paused.
 *  Holds: what is the default there is the default here, so it is not written: this counts for `misfire_grace_time`, too, whose default
 *  of one second drops runs of a busy machine. Pure: nothing is written, no function is looked for. */
import { isObject, type JobInput } from '../job/job.ts'
import { zoned } from '../job/parse.ts'
import { Finding, type Found } from './found.ts'

export interface ApschedulerOptions {
  /** Tasks by the Python functions that they replace: `{'reports:daily': 'report:daily'}`. */
  readonly funcs?: Readonly<Record<string, string>>
  /** The script that calls Python functions, below the workspace. Default `run_func.py`. */
  readonly script?: string
  /** What ids begin with, before a hyphen. Absent: they stay. */
  readonly prefix?: string
  /** Where jobs run. Absent: where the store says, if it does, else the cluster chooses. */
  readonly ip?: string
  /** Of triggers that name none. */
  readonly timezone?: string
}

export interface ApschedulerFound extends Found {
  /** Ids of jobs that call a Python function by the script. */
  readonly scripted: readonly string[]
  /** Ids of jobs that had the default of one second, and now have ours. */
  readonly patient: readonly string[]
}

export const RUN_FUNC = 'run_func.py'
/** APScheduler's own; its stores keep it like a value that somebody chose. */
const DEFAULT_GRACE_S = 1

type Line = Readonly<Record<string, unknown>>

export function fromApscheduler(text: string, options: ApschedulerOptions = {}): ApschedulerFound {
  const found = new Finding()
  const scripted: string[] = []
  const patient: string[] = []
  const seen = new Set<unknown>()
  for (const [index, raw] of text.split('\n').entries()) {
    if (raw.trim() === '') continue
    const read = lineOf(raw)
    const from = { line: index + 1, text: nameOf(read, raw) }
    const why = read === undefined ? NO_JOB : (refusal(read, options) ?? (seen.has(read.id) ? TWICE : undefined))
    if (why !== undefined || read === undefined) {
      found.skip(from, why ?? NO_JOB)
      continue
    }
    seen.add(read.id)
    const job = jobOf(read, options)
    if (!found.take(job, from)) continue
    if (job.executor === 'script') scripted.push(String(job._id))
    if (read.misfire_grace_time === DEFAULT_GRACE_S) patient.push(String(job._id))
    for (const loss of lossesOf(read, job)) found.skip(from, loss)
  }
  return { jobs: found.jobs, skipped: found.skipped, scripted, patient }
}

const NO_JOB = 'it is no job in JSON; scripts/export_apscheduler.py writes one a line'
const TWICE = 'a line before has a job of this id'

function lineOf(raw: string): Line | undefined {
  try {
    const read: unknown = JSON.parse(raw)
    return isObject(read) ? read : undefined
  } catch {
    return undefined
  }
}

/** How the line is called where something is said of it. */
const nameOf = (read: Line | undefined, raw: string): string =>
  typeof read?.id === 'string' ? read.id : raw.trim().slice(0, 100)

const sentences = ({ lost }: Line): readonly string[] =>
  Array.isArray(lost) ? lost.filter(part => typeof part === 'string') : []

/** Why the line cannot become a job; undefined: it can. */
function refusal(read: Line, { funcs = {} }: ApschedulerOptions): string | undefined {
  const { func, trigger } = read
  if (!isObject(trigger)) return sentences(read).join('; ') || 'it has no trigger'
  if (typeof func !== 'string') return 'func: expected module:function, found none'
  if (Object.hasOwn(funcs, func)) return undefined
  if (func.startsWith('__main__:')) {
    return `func: ${func} lies in the program that was started, where a script cannot call it; put it into a module and write that into the file, or name a task for it`
  }
  return /^[^:\s]+:[^:\s]+$/.test(func) ? undefined : `func: expected module:function, found ${JSON.stringify(func)}`
}

function jobOf(read: Line, options: ApschedulerOptions): JobInput {
  const { id, name, misfire_grace_time: grace, coalesce, max_instances: instances } = read
  const { ip = read.ip } = options
  const given = {
    _id: options.prefix === undefined ? id : `${options.prefix}-${String(id)}`,
    ...(name !== id && name !== undefined && { name }),
    ...callOf(read, options),
    trigger: zoned(read, options.timezone).trigger,
    ...(ip !== undefined && ip !== null && { ip }),
    ...('next_run_time' in read && { next_run_time: instantOf(read.next_run_time) }),
    ...(grace !== undefined && grace !== DEFAULT_GRACE_S && { misfire_grace_time: grace }),
    ...(coalesce !== undefined && coalesce !== true && { coalesce }),
    ...(instances !== undefined && instances !== 1 && { max_instances: instances }),
  }
  return given as unknown as JobInput
}

/** What is called with what: a task with the arguments as they are, or the script, which gets all positional ones in one array so that
 *  each keeps its type on a command line. */
function callOf(read: Line, { funcs = {}, script = RUN_FUNC }: ApschedulerOptions): Line {
  const { args, kwargs, executor } = read
  const func = String(read.func)
  const some = Array.isArray(args) && args.length > 0
  const named = isObject(kwargs) && Object.keys(kwargs).length > 0 && { kwargs }
  if (Object.hasOwn(funcs, func)) {
    const other = typeof executor === 'string' && executor !== 'default'
    return { func: funcs[func], ...(some && { args }), ...named, ...(other && { executor }) }
  }
  return { executor: 'script', func: script, args: some ? [func, args] : [func], ...named }
}

/** Microseconds are cut. What is no instant stays, and is refused. */
function instantOf(value: unknown): unknown {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? value : new Date(ms)
}

function lossesOf(read: Line, job: JobInput): readonly string[] {
  const { executor } = read
  const pool = typeof executor === 'string' && executor !== 'default' && job.executor === 'script'
  return [
    ...sentences(read),
    ...(pool ? [`executor: it ran in ${executor}; here the executor script runs it, with a limit of its own`] : []),
  ]
}
