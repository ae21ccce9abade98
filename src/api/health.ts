/** Health: whether this process lives, whether it is ready, and its numbers.
 *  In: questions of whoever keeps it running, without a name. Out: short answers; none of them waits for a database that is away. */
import { z } from 'zod'
import { checksOf } from '../health/checks.ts'
import { Metrics } from '../health/metrics.ts'
import { HEADERS } from '../http/guards.ts'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'

/** So long the database may take to answer, in ms. */
const DATABASE_MS = 1_500

const Ready = z
  .object({
    ready: z.boolean(),
    checks: z
      .array(z.object({ check: z.string(), ok: z.boolean(), found: z.string() }))
      .describe('database, stream, lease, claims, clock; without a node: database')
      .optional(),
  })
  .meta({ id: 'Ready' })

export function healthRoutes({ node, pulse, hub, requests, runs, metricsAuth }: Serving): readonly Route[] {
  const metrics = new Metrics({ hub, requests, runs, status: () => node?.status() })
  return [
    route({
      method: 'get',
      path: '/livez',
      needs: 'anybody',
      summary: 'Whether this process lives',
      answers: { 200: { description: 'it does', schema: z.object({ alive: z.literal(true) }) } },
      handle: () => ({ body: { alive: true } }),
    }),
    route({
      method: 'get',
      path: '/readyz',
      needs: 'anybody',
      summary: 'Whether this process does what it is for',
      query: z.strictObject({ verbose: z.string().describe('lists each check').optional() }),
      answers: { 200: { description: 'it does', schema: Ready } },
      errors: [503],
      handle: async ({ query: { verbose } }) => {
        const checks = checksOf(await pulse.beats(DATABASE_MS), node?.status())
        const ready = checks.every(({ ok }) => ok)
        return { status: ready ? 200 : 503, body: { ready, ...(verbose !== undefined && { checks }) } }
      },
    }),
    route({
      method: 'get',
      path: '/metrics',
      needs: metricsAuth ? 'viewer' : 'anybody',
      summary: 'Numbers, as Prometheus reads them',
      answers: { 200: { description: 'the numbers', type: 'text/plain' } },
      handle: async () => {
        const { text, type } = await metrics.text()
        return new Response(text, { headers: { ...HEADERS, 'Content-Type': type, 'Cache-Control': 'no-store' } })
      },
    }),
  ]
}
