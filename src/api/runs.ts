/** Runs: what happened, and what goes on. */
import { z } from 'zod'
import { RUN_STATUSES } from '../client/runs-page.ts'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { present } from '../job/job.ts'
import { Id, Instant, instant, pageOf, Run, text, whole } from './wire.ts'

const MOST_JOBS = 200
const MOST_RECENT = 100

const page = {
  ip: text('the ip of a node').optional(),
  status: z.enum(RUN_STATUSES).optional(),
  since: instant().optional().describe('from then on: when they were due with `job`, else when they were recorded'),
  until: instant().optional().describe('before then'),
  limit: whole(1, 500).optional().describe('default 100'),
  cursor: text('a cursor').optional().describe('the `next` of the page before'),
}

const Recent = z.record(
  z.string(),
  z.array(
    z.looseObject({
      _id: z.string(),
      status: z.string(),
      run_time: Instant,
      duration: z.number().nullable(),
      late: z.number().nullable(),
    }),
  ),
)

/** One or several of the same name. */
const several = z.union([z.string().transform(one => [one]), z.array(z.string())])

export function runRoutes({ client: { history, jobs } }: Serving): readonly Route[] {
  return [
    route({
      method: 'get',
      path: '/api/runs',
      needs: 'viewer',
      summary: 'Runs of all jobs, newest first',
      query: z.strictObject({ job: text('the id of a job').optional(), ...page }),
      answers: { 200: { description: 'the page', schema: pageOf(Run) } },
      handle: async ({ query: { cursor: after, ...query } }) => ({
        body: await history.page(present({ ...query, after })),
      }),
    }),
    route({
      method: 'get',
      path: '/api/jobs/{id}/history',
      needs: 'viewer',
      summary: 'Runs of a job, newest first',
      params: Id,
      query: z.strictObject(page),
      answers: { 200: { description: 'the page', schema: pageOf(Run) } },
      errors: [404],
      handle: async ({ params: { id: job }, query: { cursor: after, ...query } }) => {
        const found = await history.page(present({ ...query, job, after }))
        // A job that is gone has its history still; one that never was has neither.
        if (found.items.length === 0) await jobs.get(job)
        return { body: found }
      },
    }),
    route({
      method: 'get',
      path: '/api/runs/recent',
      needs: 'viewer',
      summary: 'The last runs of some jobs, briefly',
      query: z.strictObject({
        job: several.refine(ids => ids.length <= MOST_JOBS, `expected at most ${MOST_JOBS} jobs`),
        count: whole(1, MOST_RECENT).optional().describe('of each; default 24'),
      }),
      answers: { 200: { description: 'by job, newest first', schema: Recent } },
      handle: async ({ query: { job, count } }) => ({ body: await history.recent(job, count) }),
    }),
    route({
      method: 'get',
      path: '/api/runs/{id}',
      needs: 'viewer',
      summary: 'One run, with its log and traceback',
      params: z.strictObject({ id: z.string().describe('the id of the run') }),
      answers: { 200: { description: 'the row', schema: Run } },
      errors: [404],
      handle: async ({ params: { id } }) => ({ body: await history.get(id) }),
    }),
    route({
      method: 'post',
      path: '/api/runs/{id}/cancel',
      needs: 'operator',
      summary: 'Asks the node of a run to abort it',
      params: z.strictObject({ id: z.string().describe('the id of the run') }),
      body: z.strictObject({}),
      answers: { 202: { description: 'it is asked', schema: z.object({ _id: z.string() }) } },
      errors: [404, 409],
      handle: async ({ params: { id } }) => {
        await history.cancel(id)
        return { status: 202, body: { _id: id } }
      },
    }),
  ]
}
