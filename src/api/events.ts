/** Events: what happens on all nodes, live, as server-sent events.
 *  In: what is wanted, and what was had last. Out: a stream that goes on until its reader leaves or the server closes; it begins when the
 *  database has opened its own, so that no edit made after the answer is missed. */
import { z } from 'zod'
import { checkQuery, standingOf } from '../client/events.ts'
import { HEADERS } from '../http/guards.ts'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { present } from '../job/job.ts'

const EventsQuery = z.strictObject({
  job: z.string().describe('only events of the job with this id').optional(),
  ip: z.string().describe('only events of this node').optional(),
  type: z
    .string()
    .describe('only events of this type (run.error), or of all types that begin with it (run)')
    .optional(),
  tag: z.string().describe('only events of jobs that have this tag').optional(),
  after: z
    .string()
    .min(1)
    .describe('the id of the last event that was seen; the header Last-Event-ID goes before it')
    .optional(),
})

const STREAM = {
  ...HEADERS,
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // A proxy that collects bytes would keep events back.
  'X-Accel-Buffering': 'no',
}

export const eventRoutes = ({ hub }: Serving): readonly Route[] => [
  route({
    method: 'get',
    path: '/api/events',
    needs: 'viewer',
    summary: 'What happens on all nodes, live',
    query: EventsQuery,
    answers: {
      200: {
        description:
          'id, event and data (JSON) of each event. `reset`: what came after the last one is no longer known. ' +
          '`stream.interrupted`, `stream.resumed`: the database is away, and back with nothing missed',
        type: 'text/event-stream',
      },
    },
    handle: async ({ query: { job, ip, type, tag, after: given }, request, hangUp }) => {
      const query = checkQuery(present({ job_id: job, node: ip, type }))
      const last = request.headers.get('last-event-id') || undefined
      const after = last ?? given
      const since = last !== undefined ? standingOrNone(last) : given === undefined ? undefined : standingOf(given)
      const { stream } = await hub.join({ query, tag, since, hangUp }, after)
      return new Response(stream, { headers: STREAM })
    },
  }),
]

/** A browser sends what it has had, and cannot help it. */
function standingOrNone(position: string) {
  try {
    return standingOf(position)
  } catch {
    return undefined
  }
}
