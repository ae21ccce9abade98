/** Order: which run an entry is due for, and what the schedule says after it.
 *  In: an entry and the time. Out: one run to claim, or run times that are too late and only move the schedule on.
 *  Without `coalesce` each run time gets an order of its own, so that a pause, an edit or a crash acts between any two. Pure. */
import { orderedGraceMs } from '../job/job.ts'
import type { Dropped, Entry } from '../wheel/entry.ts'
import { due } from './due.ts'

export interface Order {
  readonly entry: Entry
  /** What it serves: the schedule, an extra run (`run_at`), or a run that `overlap` queued. */
  readonly kind: 'schedule' | 'extra' | 'waiting'
  /** The run to claim; undefined: nothing runs, `missed` is reported and the schedule moves on. */
  readonly runTime: number | undefined
  /** The start: the run time and its jitter. */
  readonly at: number
  readonly scheduled: boolean
  /** Due times that the run, or the missed report, stands for. */
  readonly coalesced: number
  readonly missed: readonly number[]
  /** What a new trigger dropped and no plan has told yet: the claim moves the schedule past it. */
  readonly dropped?: Dropped | undefined
  /** The new `next_run_time`; null: the schedule is over; undefined: it is not touched. */
  readonly next: number | null | undefined
  /** The latest run time that this settles. */
  readonly to: number
}

/** `lead`: how far ahead of its time, in ms, a run may be claimed. */
export function orderOf(entry: Entry, now: number, jitterOf: (runTime: number) => number, lead = 0): Order | undefined {
  const { waiting, extra, at, state } = entry
  // No node queues what is still to come: such a time stands there by another hand, and is waited for.
  if (waiting !== undefined && state !== 'paused' && waiting.runTime <= now + lead) {
    const { runTime, ordered, coalesced } = waiting
    const order = single(entry, 'waiting', runTime)
    return { ...order, at: runTime + (ordered ? 0 : jitterOf(runTime)), scheduled: !ordered, coalesced }
  }
  const first = extra[0]
  if (first !== undefined && first <= now + lead && (at === undefined || first <= at || now < at))
    return single(entry, 'extra', first)
  return scheduled(entry, now, jitterOf)
}

const single = (entry: Entry, kind: 'extra' | 'waiting', runTime: number): Order => ({
  entry,
  kind,
  runTime,
  at: runTime,
  scheduled: false,
  coalesced: 1,
  missed: [],
  next: undefined,
  to: runTime,
})

/** `now` may lie before the due time by the claim lead: the order is made as of the due time. */
function scheduled(entry: Entry, now: number, delay: (runTime: number) => number): Order | undefined {
  if (entry.due === undefined || entry.at === undefined || entry.trigger === undefined) return undefined
  const grace = entry.ordered ? orderedGraceMs(entry.graceMs) : entry.graceMs
  const floor = entry.claimedTo
  const when = Math.max(now, entry.at)
  const input = { trigger: entry.trigger.parsed, next_run_time: entry.due, grace, coalesce: entry.coalesce, delay }
  const { run, missed, next, count } = due(floor === undefined ? input : { ...input, floor }, when)
  const tooLate = missed.at(-1)
  const base = { entry, kind: 'schedule', missed, dropped: entry.dropped } as const
  if (run.length === 0) {
    const to = tooLate ?? entry.due
    return { ...base, runTime: undefined, at: to, scheduled: true, coalesced: count, next, to }
  }
  if (!entry.coalesce && tooLate !== undefined) {
    return {
      ...base,
      runTime: undefined,
      at: tooLate,
      scheduled: true,
      coalesced: 1,
      next: run[0] as number,
      to: tooLate,
    }
  }
  const runTime = (entry.coalesce ? run.at(-1) : run[0]) as number
  const after = entry.coalesce || run.length === 1 ? next : (run[1] as number)
  const byPerson = entry.ordered && runTime === entry.due
  return {
    ...base,
    runTime,
    at: runTime + delay(runTime),
    scheduled: !byPerson,
    coalesced: entry.coalesce ? count : 1,
    missed: [],
    next: after,
    to: runTime,
  }
}
