/** Coming: when does a job run next, and in whose zone is that reckoned?
 *  In: a document of a job, and who its node is. Out: a zone; run times, those ordered beside the schedule among them.
 *  A trigger that names no zone means that of the node which runs it, not that of whoever asks. */
import type { Collection } from 'mongodb'
import type { NodeInfo } from '../cluster/lease.ts'
import type { Job } from '../job/job.ts'
import { fireTimes, nextFireTime } from '../trigger/trigger.ts'
import type { ListedNode } from './nodes.ts'

const NO_ONES_ZONE = 'UTC'

/** The zone of a job: its trigger's, else its node's, else UTC. */
export function zoneOf(
  { trigger }: Pick<Job, 'trigger'>,
  owner: Pick<NodeInfo, 'timezone'> | null | undefined,
): string {
  return trigger.timezone ?? owner?.timezone ?? NO_ONES_ZONE
}

/** The same, by a look into the registry where the trigger names none. */
export async function ownZoneOf(job: Pick<Job, 'trigger' | 'ip'>, nodes: Collection<NodeInfo>): Promise<string> {
  const isAsked = (job.trigger.timezone ?? null) === null && job.ip !== undefined
  return zoneOf(job, isAsked ? await nodes.findOne({ _id: job.ip }, { projection: { timezone: 1 } }) : undefined)
}

/** The next run times, in order: they go on from `next_run_time` as the node will, and `run_at` is among them; a paused job has none
 *  but those. `timezone` is the job's. */
export function comingRuns(job: Job, count: number, timezone: string): readonly Date[] {
  const times = [...(job.run_at ?? []), ...scheduled(job, count, timezone)].map(time => time.getTime())
  return [...new Set(times)]
    .sort((a, b) => a - b)
    .slice(0, count)
    .map(time => new Date(time))
}

function scheduled({ next_run_time: next, trigger }: Job, count: number, timezone: string): readonly Date[] {
  if (next === null) return []
  const zone = fallbackOf(trigger, timezone)
  if (next === undefined) return fireTimes(trigger, { count, ...zone })
  const times: Date[] = []
  for (let time: Date | null = next; time !== null && times.length < count; ) {
    times.push(time)
    time = nextFireTime(trigger, time, time, zone)
  }
  return times
}

/** The zone of a job as an option beside its trigger. One that the trigger names is its own, be it right or wrong. */
export const fallbackOf = (trigger: Job['trigger'], timezone: string): { readonly timezone?: string } =>
  (trigger.timezone ?? null) === null ? { timezone } : {}

/** The zones of jobs, by what the registry says. One that no node has yet means the zone of the living ones, where they agree. */
export function zonesBy(nodes: readonly ListedNode[]): (job: Pick<Job, 'trigger' | 'ip'>) => string {
  const byIp = new Map(nodes.map(node => [node._id, node]))
  const living = nodes.filter(node => node.living)
  const [common] = living
  const agree = living.every(({ timezone }) => timezone === common?.timezone)
  return job => zoneOf(job, job.ip === undefined ? (agree ? common : undefined) : byIp.get(job.ip))
}
