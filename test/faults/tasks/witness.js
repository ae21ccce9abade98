/** Witness: tasks that say when they ran, in a file of their own that no database and no scheduler has a hand in.
 *  Each line is written by one call with O_APPEND: what a killed process wrote stays. Times are the machine's monotonic clock. */
import { openSync, writeSync } from 'node:fs'

const { WITNESS, WITNESS_IP } = process.env
const file = WITNESS === undefined ? undefined : openSync(WITNESS, 'a')
const write = line => file !== undefined && writeSync(file, `${JSON.stringify(line)}\n`)
const micros = () => Number(process.hrtime.bigint() / 1000n)
const wait = ms => new Promise(resolve => setTimeout(resolve, ms))

const started = run => {
  const { job } = run
  write({
    type: 'start',
    mono: micros(),
    wall: Date.now(),
    ip: WITNESS_IP,
    pid: process.pid,
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
const ended = run => write({ type: 'end', mono: micros(), pid: process.pid, job: run.job._id, run: run.id })

/** Waits as long as `kwargs.ms` says. */
export async function note(run) {
  started(run)
  if (run.kwargs.ms > 0) await wait(run.kwargs.ms)
  ended(run)
}

/** Holds up its process. */
export async function spin(run) {
  const until = performance.now() + (run.kwargs.ms ?? 3_000)
  while (performance.now() < until);
}
