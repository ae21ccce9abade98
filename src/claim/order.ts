/** Order: which run an entry is due for, and what the schedule says after it.
 *  In: an entry and the time. Out: one run to claim, or run times that are too late and only move the schedule on.
 *  Without `coalesce` each run time gets an order of its own, so that a pause, an edit or a crash acts between any two. Pure. */
import { orderedGraceMs } from '../job/job.ts'
import type { Order } from '../protocol/claim.ts'
import { type Entry, jitterOf } from '../wheel/entry.ts'
import { due } from './due.ts'

/** `lead`: how far ahead of its time, in ms, a run may be claimed. */
export function orderOf(entry: Entry, now: number, lead = 0): Order | undefined {
  const { waiting, extra, at, state } = entry
  // No node queues what is still to come: such a time stands there by another hand, and is waited for.
  if (waiting !== undefined && state !== 'paused' && waiting.run_time <= now + lead) {
    const { run_time, ordered, coalesced } = waiting
    const order = single(entry, 'waiting', run_time)
    return { ...order, at: run_time + (ordered ? 0 : jitterOf(entry, run_time)), scheduled: !ordered, coalesced }
  }
  const first = extra[0]
  if (first !== undefined && first <= now + lead && (at === undefined || first <= at || now < at))
    return single(entry, 'extra', first)
  return scheduled(entry, now, lead)
}

const single = (entry: Entry, kind: 'extra' | 'waiting', run_time: number): Order => ({
  entry,
  kind,
  run_time,
  at: run_time,
  scheduled: false,
  coalesced: 1,
  missed: [],
  next: undefined,
  to: run_time,
})

/** `now` may lie before the due time by the claim lead: the order is made as of the due time. An entry that was handed out for a time
 *  from which somebody moved it meanwhile is due for nothing until its new time. */
function scheduled(entry: Entry, now: number, lead: number): Order | undefined {
  const delay = (run_time: number) => jitterOf(entry, run_time)
  if (entry.due === undefined || entry.at === undefined || entry.trigger === undefined) return undefined
  if (entry.at > now + lead) return undefined
  const grace = entry.ordered ? orderedGraceMs(entry.graceMs) : entry.graceMs
  const floor = entry.claimedTo
  const when = Math.max(now, entry.at)
  const input = { trigger: entry.trigger.parsed, next_run_time: entry.due, grace, coalesce: entry.coalesce, delay }
  const { run, missed, next, count } = due(floor === undefined ? input : { ...input, floor }, when)
  const tooLate = missed.at(-1)
  const base = { entry, kind: 'schedule', missed, dropped: entry.dropped } as const
  if (run.length === 0) {
    const to = tooLate ?? entry.due
    return { ...base, run_time: undefined, at: to, scheduled: true, coalesced: count, next, to }
  }
  if (!entry.coalesce && tooLate !== undefined) {
    return {
      ...base,
      run_time: undefined,
      at: tooLate,
      scheduled: true,
      coalesced: 1,
      next: run[0] as number,
      to: tooLate,
    }
  }
  const run_time = (entry.coalesce ? run.at(-1) : run[0]) as number
  const after = entry.coalesce || run.length === 1 ? next : (run[1] as number)
  const byPerson = entry.ordered && run_time === entry.due
  return {
    ...base,
    run_time,
    at: run_time + delay(run_time),
    scheduled: !byPerson,
    ordered: entry.ordered && tooLate === undefined,
    coalesced: entry.coalesce ? count : 1,
    missed: [],
    next: after,
    to: run_time,
  }
}
