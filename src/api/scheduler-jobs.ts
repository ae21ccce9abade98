/** Scheduler jobs: Flask-APScheduler's routes about jobs.
 *  In: its flat form. Out: the same, as the document says it after the change, with the next run time that the owner will plan.
 *  Each change is one edit of a document; a run is a normal one, with a row, and the answer does not wait for it. */
import { unableOf } from '../client/able.ts'
import { zonesBy } from '../client/coming.ts'
import { systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import { flatOf } from '../flask/flat-job.ts'
import type { Fields } from '../flask/flat-trigger.ts'
import { addedOf, changesOf } from '../flask/given.ts'
import { jsonArray } from '../http/json-array.ts'
import { type Answer, type Asked, type Reply, type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import type { Job } from '../job/job.ts'
import { toJson } from '../json.ts'
import { AddedJob, ChangedJob, JobId, ShownJob } from './scheduler-schemas.ts'

type ById<B = unknown> = Asked<{ readonly id: string }, unknown, B>

const SHOWN: Readonly<Record<number, Answer>> = { 200: { description: 'the job', schema: ShownJob } }

export function schedulerJobRoutes({ client }: Serving): readonly Route[] {
  const { jobs } = client
  const registry = () => client.nodes.list()

  /** As it is after a change. */
  const changed = async (job: Job): Promise<Reply> => {
    const timezone = await zoneOf(job)
    return { body: flatOf(job, { timezone, now: systemClock.now(), edited: true }), ids: [job._id] }
  }

  /** The registry is asked only where the trigger names no zone. */
  const zoneOf = async (job: Job) => zonesBy((job.trigger?.timezone ?? null) === null ? await registry() : [])(job)

  const onJob = (name: string, summary: string, work: (id: string) => Promise<Job>) =>
    route({
      method: 'post',
      path: `/scheduler/jobs/{id}/${name}`,
      needs: 'operator',
      summary,
      params: JobId,
      answers: SHOWN,
      errors: [404],
      handle: async ({ params: { id } }: ById) => changed(await work(id)),
    })

  return [
    route({
      method: 'get',
      path: '/scheduler/jobs',
      needs: 'viewer',
      summary: 'All jobs, by id',
      answers: { 200: { description: 'the jobs', schema: ShownJob.array() } },
      handle: async () => {
        const zoneOf = zonesBy(await registry())
        const now = systemClock.now()
        return await jsonArray(jobs.list(), job => toJson(flatOf(job, { timezone: zoneOf(job), now })))
      },
    }),
    route({
      method: 'post',
      path: '/scheduler/jobs',
      needs: 'admin',
      summary: 'Adds a job',
      body: AddedJob,
      answers: SHOWN,
      errors: [409],
      handle: async ({ body }) => {
        const nodes = await registry()
        const given = addedOf(body, zonesBy(nodes)({ trigger: {}, ...ipOf(body) } as Job))
        refuseUnable(given, nodes)
        return await changed(await jobs.add(given))
      },
    }),
    route({
      method: 'get',
      path: '/scheduler/jobs/{id}',
      needs: 'viewer',
      summary: 'A job',
      params: JobId,
      answers: SHOWN,
      errors: [404],
      handle: async ({ params: { id } }) => {
        const job = await jobs.get(id)
        return { body: flatOf(job, { timezone: await zoneOf(job), now: systemClock.now() }) }
      },
    }),
    route({
      method: 'patch',
      path: '/scheduler/jobs/{id}',
      needs: 'admin',
      summary: 'Changes the given fields; a new trigger starts its schedule anew',
      params: JobId,
      body: ChangedJob,
      answers: SHOWN,
      errors: [404],
      handle: async ({ params: { id }, body }) => {
        const job = await jobs.get(id)
        const nodes = await registry()
        const changes = changesOf(body, zonesBy(nodes)(job))
        if ('func' in changes || 'executor' in changes) refuseUnable({ ...job, ...changes } as Job, nodes)
        return await changed(await jobs.update(id, changes))
      },
    }),
    route({
      method: 'delete',
      path: '/scheduler/jobs/{id}',
      needs: 'admin',
      summary: 'Removes a job; its runs that go on end',
      params: JobId,
      answers: { 204: { description: 'it is gone' } },
      errors: [404],
      handle: async ({ params: { id } }) => {
        await jobs.remove(id)
        return {}
      },
    }),
    onJob('pause', 'No run until it is resumed', id => jobs.pause(id)),
    onJob('resume', 'From now on; what was missed is not made up', id => jobs.resume(id)),
    onJob('run', 'Once more, now; the schedule stays', id => jobs.run(id)),
  ]
}

const ipOf = ({ ip }: Fields) => (typeof ip === 'string' ? { ip } : {})

function refuseUnable(job: Parameters<typeof unableOf>[0], nodes: Parameters<typeof unableOf>[1]): void {
  const problem = unableOf(job, nodes)
  if (problem !== undefined) throw new TidewheelError('invalid_job', problem.message, { problems: [problem] })
}
