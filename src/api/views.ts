/** Views: what ran and will run, how it goes in numbers, and when a trigger would fire. */
import { z } from 'zod'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { present } from '../job/job.ts'
import { previewTrigger } from '../trigger/preview.ts'
import { Instant, instant, text, whole } from './wire.ts'

const Lane = z
  .looseObject({
    ip: z.string().nullable(),
    runs: z.array(z.looseObject({ _id: z.string(), job_id: z.string(), status: z.string(), run_time: Instant })),
    coming: z.array(z.looseObject({ job_id: z.string(), run_time: Instant })),
    truncated: z.boolean().describe('there is more than the limit'),
  })
  .meta({ id: 'Lane' })

const Stats = z.looseObject({}).meta({ id: 'Stats' })

const Preview = z
  .object({
    words: z.string().nullable(),
    times: z.array(Instant),
    problems: z.array(z.object({ path: z.string(), message: z.string() })),
  })
  .meta({ id: 'TriggerPreview' })

export function viewRoutes({ client }: Serving): readonly Route[] {
  return [
    route({
      method: 'get',
      path: '/api/timeline',
      needs: 'viewer',
      summary: 'What ran in a span and what will, by node',
      query: z.strictObject({
        from: instant(),
        to: instant(),
        ip: text('the ip of a node').optional(),
        limit: whole(1, 1_000).optional().describe('of a lane'),
      }),
      answers: { 200: { description: 'a lane for each node', schema: z.looseObject({ lanes: z.array(Lane) }) } },
      errors: [404],
      handle: async ({ query }) => ({ body: await client.timeline(present(query)) }),
    }),
    route({
      method: 'get',
      path: '/api/stats',
      needs: 'viewer',
      summary: 'Jobs by status and node; runs by status, lateness and duration, a bucket a minute',
      query: z.strictObject({ since: instant().optional() }),
      answers: { 200: { description: 'the numbers', schema: Stats } },
      handle: async ({ query }) => ({ body: await client.stats(present(query)) }),
    }),
    route({
      method: 'post',
      path: '/api/triggers/preview',
      needs: 'viewer',
      reads: true,
      summary: 'When a trigger would fire, and what is wrong with it',
      body: z.strictObject({
        trigger: z.unknown(),
        timezone: text('a time zone').optional(),
        after: instant().optional(),
        count: z.int().min(1).max(1_000).optional(),
      }),
      answers: { 200: { description: 'in words, as times, or what is wrong', schema: Preview } },
      handle: async ({ body: { trigger, ...options } }) => ({ body: previewTrigger(trigger, present(options)) }),
    }),
  ]
}
