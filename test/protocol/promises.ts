/** Promises: what a write of a node must never do to the document that it meets, and what memory says when all is quiet.
 *  In: the world, the document before and after, and what the node had in mind. Out: what is wrong, as a sentence, or undefined. */

import type { Job } from '../../src/job/job.ts'
import { plan } from '../../src/job/plan.ts'
import type { Order } from '../../src/protocol/claim.ts'
import { fingerprint } from '../../src/trigger/trigger.ts'
import type { PlanWrite } from '../../src/wheel/entry.ts'
import { same } from './document.ts'
import { type Command, memoryOf, minute, minuteOf, orderAt } from './real.ts'
import type { World } from './world.ts'

/** What a node sent, and had in mind. */
export interface Mind {
  readonly command: Command
  readonly stored: number | null | undefined
  readonly due: number | undefined
  readonly trigger: unknown
  /** What a claim serves. */
  readonly served?: Order['kind']
  readonly plan?: PlanWrite
}

export const personSet = (job: Job) =>
  job.next_run_time instanceof Date && Number(job.next_run_time) !== Number(job.state?.planned?.next_run_time)

/** What a claim must not do to the document that it meets. */
export function wrongClaim(job: Job, after: Job, mind: Mind, ip: string, world: World): string | undefined {
  const running = after.state?.running?.at(-1)
  const at = running && minuteOf(running.run_time)
  if (running !== undefined && at !== undefined) {
    const ours = running.ordered === true ? world.given : world.claimed
    ours.push(at)
    if (running.ordered !== true && world.claimed.filter(time => time === at).length > 1)
      return 'one run time is claimed twice'
    if (world.given.filter(time => time === at).length > world.asked.filter(time => time === at).length)
      return 'one order is claimed twice'
    if ((after.state?.running?.length ?? 0) > (job.max_instances ?? 1)) return 'more runs than the document allows'
  }
  if (job.ip !== ip) return 'claimed by a node that the job has left'
  if (mind.served === 'schedule' && mind.stored !== mind.due && !same(job.trigger, mind.trigger))
    return 'claimed for a time of a trigger that a person replaced'
  if (same(job.next_run_time, after.next_run_time)) return undefined
  return lostEdit(job, mind)
}

/** Which edit a write of `next_run_time` overwrites. */
export function lostEdit(job: Job, mind: Mind): string | undefined {
  const next = job.next_run_time
  if (next === null && mind.stored !== null) return 'a pause is lost'
  if (next === undefined && mind.stored !== undefined) return 'an unset is lost'
  if (!(next instanceof Date)) return undefined
  if (personSet(job) && Number(next) !== mind.stored) return "a person's time is lost"
  const { ordered, trigger } = job.state?.planned ?? {}
  const edited = trigger !== fingerprint(job.trigger, 'UTC')
  return ordered === true && !edited && Number(next) !== mind.due ? 'an order that was acknowledged is lost' : undefined
}

/** When nothing is on its way, memory says what the document says. */
export function apart(world: World): string | undefined {
  for (const [name, node] of Object.entries(world.nodes)) {
    if (node.inbox.length > 0 || node.wants || node.claim !== undefined || node.plan !== undefined) continue
    const { entry, plan: unwritten } = memoryOf(node.ip, node.seen)
    if (world.job?.ip !== node.ip) {
      if (entry !== undefined) return `${name} holds a job that is not its own`
      continue
    }
    if (entry === undefined) return `${name} does not hold its job`
    // What is due now is claimed at once, what is not written yet will be; refused, it is read.
    if (orderAt(entry, world.now) !== undefined || unwritten !== undefined) continue
    const { trigger: known, claimedTo } = entry
    if (known === undefined || !same(known.stored, world.job.trigger)) return `${name} goes by another trigger`
    const { parsed, fingerprint } = known
    const next = plan({ job: world.job, trigger: parsed, fingerprint, now: Number(minute(world.now)), claimedTo })
    if (next.state !== entry.state) return `${name} holds for ${entry.state} what is ${next.state}`
    if (next.state === 'armed' && world.job.next_run_time !== undefined && next.due !== entry.due)
      return `${name} is armed for minute ${minuteOf(entry.due ?? 0)}, the document for ${minuteOf(next.due)}`
  }
  return undefined
}
