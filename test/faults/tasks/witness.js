/** Witness: tasks that say when they ran, in a file of their own that no database and no scheduler has a hand in.
 *  Each line is written by one call with O_APPEND: what a killed process wrote stays. Times are the machine's monotonic clock.
 *  They run in a node's own process and in the children of its pool alike. */
import { openSync, writeSync } from 'node:fs'

const { WITNESS, WITNESS_IP } = process.env
const file = WITNESS === undefined ? undefined : openSync(WITNESS, 'a')
const write = line => file !== undefined && writeSync(file, `${JSON.stringify(line)}\n`)
const micros = () => Number(process.hrtime.bigint() / 1000n)
/** The node's process: a child of the pool ends with it. */
const pid = process.send === undefined ? process.pid : process.ppid

/** Resolves after so long, or when the run is aborted. */
const wait = (ms, signal) =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })

const started = run => {
  const { job } = run
  write({
    type: 'start',
    mono: micros(),
    wall: Date.now(),
    ip: WITNESS_IP,
    pid,
    executor: job.executor ?? 'default',
    job: job._id,
    run: run.id,
    sched: run.runTime.getTime(),
    attempt: run.attempt,
    fence: String(run.fence),
    ver: job.x_ver,
    at: job.ip,
    args: run.args,
  })
}
const ended = (run, how) => write({ type: 'end', mono: micros(), pid, job: run.job._id, run: run.id, how })

/** Waits as long as `kwargs.ms` says; the first `kwargs.fail` attempts of a run end by throwing. */
export async function note(run) {
  const { ms = 0, fail = 0 } = run.kwargs
  started(run)
  if (ms > 0 && !run.signal.aborted) await wait(ms, run.signal)
  if (run.signal.aborted) return ended(run, 'aborted')
  if (run.attempt > fail) return ended(run, 'done')
  ended(run, 'failed')
  throw new Error(`attempt ${run.attempt} is meant to fail`)
}

/** Holds up its process. */
export async function spin(run) {
  const until = performance.now() + (run.kwargs.ms ?? 3_000)
  while (performance.now() < until);
}
