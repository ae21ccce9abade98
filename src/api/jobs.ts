/** Jobs: lists of them, each as its document, and what changes one. */
import { z } from 'zod'
import { changesOfPatch } from '../client/edit.ts'
import { revisionOf } from '../client/revision.ts'
import { JOB_STATUSES, type JobStatus } from '../client/which.ts'
import { TidewheelError } from '../errors.ts'
import { Refusal } from '../http/refusal.ts'
import { type Reply, type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { type Job as JobDocument, present } from '../job/job.ts'
import { Id, Job, JobBody, JobPatch, pageOf, text, truth, whole } from './wire.ts'

const SORTS = ['_id', 'next_run_time', '-next_run_time'] as const

/** Which jobs a list or a bulk means. */
export const filterShape = {
  ip: z.string().optional().describe('of this node; empty: without one'),
  status: z.enum(JOB_STATUSES as readonly [JobStatus, ...JobStatus[]]).optional(),
  tag: text('a tag').optional(),
  func: text('the name of a function').optional(),
  search: text('a text')
    .optional()
    .describe('in id, name, description, function or note; reads all that the rest leaves, for 1 s at most'),
}

const IF_MATCH = {
  name: 'If-Match',
  description: 'the ETag of the document that was read: 412 when people have changed it meanwhile',
}

export function jobRoutes({ client, basePath }: Serving): readonly Route[] {
  const { jobs } = client
  return [
    route({
      method: 'get',
      path: '/api/jobs',
      needs: 'viewer',
      summary: 'Jobs, a page at a time',
      query: z.strictObject({
        ...filterShape,
        sort: z.enum(SORTS).optional(),
        limit: whole(1, 500).optional().describe('default 100'),
        cursor: text('a cursor').optional().describe('the `next` of the page before'),
        count: truth().optional().describe('counts them, to 10,000'),
      }),
      answers: { 200: { description: 'the page', schema: pageOf(Job) } },
      handle: async ({ query: { sort, limit, cursor: after, count, ...filter } }) => ({
        body: await jobs.page(present({ filter: present(filter), sort, limit, after, count })),
      }),
    }),
    route({
      method: 'post',
      path: '/api/jobs',
      needs: 'admin',
      summary: 'Adds a job; `replace=true` brings an existing one to this definition',
      query: z.strictObject({ replace: truth().optional() }),
      body: JobBody,
      answers: {
        200: { description: 'it was there or is replaced', schema: Job },
        201: { description: 'it is added', schema: Job },
      },
      errors: [409],
      handle: async ({ query: { replace = false }, body }) => {
        const job = await jobs.add(body, { replace })
        const Location = `${basePath}/api/jobs/${encodeURIComponent(job._id)}`
        return { ...replyOf(job, { Location }), status: replace ? 200 : 201, ids: [job._id] }
      },
    }),
    route({
      method: 'get',
      path: '/api/jobs/{id}',
      needs: 'viewer',
      summary: 'One job',
      params: Id,
      answers: { 200: { description: 'the document, with its ETag', schema: Job } },
      errors: [404],
      handle: async ({ params: { id } }) => replyOf(await jobs.get(id)),
    }),
    route({
      method: 'put',
      path: '/api/jobs/{id}',
      needs: 'admin',
      summary: 'The whole job; `state` and `touch` are ignored',
      params: Id,
      headers: [IF_MATCH],
      body: JobBody,
      answers: { 200: { description: 'the document', schema: Job } },
      errors: [404, 412],
      handle: ({ params: { id }, body, request }) => unchanged(request, revision => jobs.replace(id, body, revision)),
    }),
    route({
      method: 'patch',
      path: '/api/jobs/{id}',
      needs: 'admin',
      summary: 'Changed fields; null takes one away, unless it is a value there; `state` and `touch` are ignored',
      params: Id,
      headers: [IF_MATCH],
      body: JobPatch,
      answers: { 200: { description: 'the document', schema: Job } },
      errors: [404, 412],
      handle: ({ params: { id }, body: { state: _state, touch: _touch, ...patch }, request }) =>
        unchanged(request, revision => jobs.update(id, changesOfPatch(patch), revision)),
    }),
    route({
      method: 'delete',
      path: '/api/jobs/{id}',
      needs: 'admin',
      summary: 'Removes a job; runs that go on finish',
      params: Id,
      answers: { 204: { description: 'it is gone' } },
      errors: [404],
      handle: async ({ params: { id } }) => {
        await jobs.remove(id)
        return {}
      },
    }),
  ]
}

/** The document with its ETag. */
export const replyOf = (job: JobDocument, headers: Readonly<Record<string, string>> = {}): Reply => ({
  body: job,
  headers: { ETag: `"${revisionOf(job)}"`, ...headers },
})

/** An edit under the condition of `If-Match`, if one is named. */
async function unchanged(
  request: Request,
  edit: (condition: { readonly revision?: string }) => Promise<JobDocument>,
): Promise<Reply> {
  const condition = request.headers.get('if-match')
  const [, tag] = /^\s*(?:W\/)?"([^"]*)"\s*$/.exec(condition ?? '') ?? []
  if (condition !== null && condition.trim() !== '*' && tag === undefined) {
    throw new Refusal(400, 'invalid_option', 'If-Match: expected the one ETag of the document that was read')
  }
  try {
    return replyOf(await edit(tag === undefined ? {} : { revision: tag }))
  } catch (error) {
    if (tag === undefined || !(error instanceof TidewheelError) || error.code !== 'conflict') throw error
    throw new Refusal(412, 'changed_meanwhile', error.message, { cause: error })
  }
}
