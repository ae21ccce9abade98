/** Orders: what people do with a job, or with many at once. */
import { z } from 'zod'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { mustBe } from '../http/who.ts'
import { type Job as JobDocument, present } from '../job/job.ts'
import { filterShape, replyOf } from './jobs.ts'
import { Id, Instant, instant, Job, text, whole } from './wire.ts'

const ACTIONS = ['pause', 'resume', 'run', 'move', 'remove', 'cancel'] as const
const NOTE = z.string().max(10_000).optional().describe('why, or whom to ask')
const NOTHING = z.strictObject({})

const Outcome = z
  .object({
    matched: z.number(),
    changed: z.number(),
    failed: z.array(z.object({ id: z.string(), message: z.string() })),
    sample: z.array(z.string()).describe('up to 20 ids'),
  })
  .meta({ id: 'BulkOutcome' })

export function orderRoutes({ client: { jobs } }: Serving): readonly Route[] {
  /** An order that answers with the document. */
  const order = <B>(
    name: string,
    summary: string,
    body: z.ZodType<B>,
    give: (id: string, body: B) => Promise<JobDocument>,
  ) =>
    route({
      method: 'post',
      path: `/api/jobs/{id}/${name}`,
      needs: 'operator',
      summary,
      params: Id,
      body,
      answers: { 200: { description: 'the document', schema: Job } },
      errors: [404],
      handle: async ({ params: { id }, body: given }) => replyOf(await give(id, given)),
    })
  return [
    route({
      method: 'post',
      path: '/api/jobs/bulk',
      needs: 'operator',
      summary: 'One order for many jobs; removing needs the role admin',
      body: z.strictObject({
        action: z.enum(ACTIONS),
        ids: z.array(z.string()).max(10_000).optional(),
        filter: z.strictObject(filterShape).optional(),
        ip: z.string().nullable().optional().describe('where to; null: to a living node'),
        note: NOTE,
        dry_run: z.boolean().optional().describe('only counts'),
      }),
      answers: { 200: { description: 'what became of it', schema: Outcome } },
      handle: async ({ body: { dry_run: dryRun, filter, ...rest }, who }) => {
        if (rest.action === 'remove') mustBe('admin', who)
        const outcome = await jobs.bulk(present({ ...rest, filter: filter && present(filter), dryRun }))
        return { body: outcome, ids: outcome.sample }
      },
    }),
    order('pause', 'No run until it is resumed', z.strictObject({ note: NOTE }), (id, { note }) =>
      jobs.pause(id, note),
    ),
    order('resume', 'From now on', NOTHING, id => jobs.resume(id)),
    order('run', 'Once more, now; the schedule stays', NOTHING, id => jobs.run(id)),
    order('move', 'To another node', z.strictObject({ ip: text('the ip of a node').nullable() }), (id, { ip }) =>
      jobs.move(id, ip),
    ),
    order('cancel', 'Aborts all its runs', NOTHING, id => jobs.cancel(id)),
    route({
      method: 'post',
      path: '/api/jobs/{id}/backfill',
      needs: 'operator',
      summary: 'Runs the fire times of a past span once more',
      params: Id,
      body: z.strictObject({ from: instant(), to: instant() }),
      answers: { 200: { description: 'how many', schema: z.object({ runs: z.number() }) } },
      errors: [404],
      handle: async ({ params: { id }, body: span }) => ({ body: { runs: await jobs.backfill(id, span) } }),
    }),
    route({
      method: 'get',
      path: '/api/jobs/{id}/next',
      needs: 'viewer',
      summary: 'Its coming run times',
      params: Id,
      query: z.strictObject({ count: whole(1, 1_000).optional().describe('default 10') }),
      answers: { 200: { description: 'the times', schema: z.object({ times: z.array(Instant) }) } },
      errors: [404],
      handle: async ({ params: { id }, query: { count = 10 } }) => ({ body: { times: await jobs.next(id, count) } }),
    }),
  ]
}
