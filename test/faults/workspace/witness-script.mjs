#!/usr/bin/env node
/** Witness as a script of the workspace: it writes the same lines as the task, from what the executor tells it.
 *  In: args as argv, the run as TIDEWHEEL_ variables. SIGTERM ends it early, and it says so. */
import { openSync, writeSync } from 'node:fs'

const { WITNESS, WITNESS_IP, TIDEWHEEL_JOB_ID, TIDEWHEEL_RUN_ID, TIDEWHEEL_RUN_TIME } = process.env
const { TIDEWHEEL_ATTEMPT, TIDEWHEEL_FENCE, TIDEWHEEL_KWARGS = '{}' } = process.env
const file = openSync(WITNESS, 'a')
const micros = () => Number(process.hrtime.bigint() / 1000n)
/** The node's process. */
const pid = process.ppid
const write = line =>
  writeSync(file, `${JSON.stringify({ ...line, mono: micros(), pid, job: TIDEWHEEL_JOB_ID, run: TIDEWHEEL_RUN_ID })}\n`)

const { ms = 0, fail = 0 } = JSON.parse(TIDEWHEEL_KWARGS)
const end = (how, code) => {
  write({ type: 'end', how })
  process.exit(code)
}
process.on('SIGTERM', () => end('aborted', 1))
write({
  type: 'start',
  wall: Date.now(),
  ip: WITNESS_IP,
  executor: 'script',
  sched: Date.parse(TIDEWHEEL_RUN_TIME),
  attempt: Number(TIDEWHEEL_ATTEMPT),
  fence: TIDEWHEEL_FENCE,
  args: process.argv.slice(2),
})
const failed = Number(TIDEWHEEL_ATTEMPT) <= fail
setTimeout(() => end(failed ? 'failed' : 'done', failed ? 1 : 0), ms)
