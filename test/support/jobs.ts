/** Jobs for tests: whole documents, valid as they stand, each with an id of its own. */
import type { Job, RunningEntry } from '../../src/job/job.ts'

const AN_HOUR = { type: 'interval', hours: 1 } as const

let made = 0

/** A job that runs `note` every hour; the fields given replace or join its own. */
export function aJob(fields: Partial<Job> = {}): Job {
  made++
  return { _id: `job-${made}`, func: 'note', trigger: AN_HOUR, ...fields } as Job
}

/** An entry of `state.running`, of a run that nobody performs. */
export function anEntry(fields: Partial<RunningEntry> = {}): RunningEntry {
  const at = new Date('2026-01-01T00:00:00Z')
  const entry = { run_id: 'r1', job: 'job', run_time: at, claimed: at, node: 'n', incarnation: 'i', attempt: 1 }
  return { ...entry, ...fields } as RunningEntry
}

/** A lead that is the same for one job and for a crowd. */
export const leadOf = (ms: number) => ({ most: ms, single: ms, of: () => ms })
export const NO_LEAD = leadOf(0)
