/** Nodes: the registry, and what people do with nodes. */
import { z } from 'zod'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { Node, pageOf } from './wire.ts'

const Ip = z.strictObject({ ip: z.string().describe('the ip of the node') })
const NOTHING = z.strictObject({})
const Moved = z.object({ moved: z.number() })

const Preview = z
  .looseObject({})
  .describe('which jobs would go where, and which would stay, with the reason')
  .meta({ id: 'DrainPreview' })

export function nodeRoutes({ client: { nodes } }: Serving): readonly Route[] {
  return [
    route({
      method: 'get',
      path: '/api/nodes',
      needs: 'viewer',
      summary: 'All nodes of the registry',
      answers: { 200: { description: 'by ip', schema: pageOf(Node) } },
      handle: async () => ({ body: { items: await nodes.list(), next: null } }),
    }),
    route({
      method: 'post',
      path: '/api/nodes/rebalance',
      needs: 'operator',
      summary: 'Brings jobs that were taken over home, spreads those that were placed',
      body: NOTHING,
      answers: { 200: { description: 'how many moved', schema: Moved } },
      handle: async () => ({ body: { moved: await nodes.rebalance() } }),
    }),
    route({
      method: 'post',
      path: '/api/nodes/{ip}/drain',
      needs: 'operator',
      summary: 'No new runs there; its jobs go to nodes that may take them',
      params: Ip,
      body: z.strictObject({
        undo: z.boolean().optional().describe('it works again'),
        dry_run: z.boolean().optional().describe('only tells which jobs would go where'),
      }),
      answers: { 200: { description: 'the node, or the preview', schema: z.union([Node, Preview]) } },
      errors: [404],
      handle: async ({ params: { ip }, body: { undo = false, dry_run: dryRun = false } }) => ({
        body: dryRun ? await nodes.previewDrain(ip) : await nodes.drain(ip, { undo }),
      }),
    }),
    route({
      method: 'post',
      path: '/api/nodes/{ip}/evict',
      needs: 'operator',
      summary: 'Treats a node as dead, at once',
      params: Ip,
      body: NOTHING,
      answers: { 200: { description: 'how many jobs moved', schema: Moved } },
      errors: [404],
      handle: async ({ params: { ip } }) => ({ body: { moved: await nodes.evict(ip) } }),
    }),
    ...(['pause', 'resume'] as const).map(action =>
      route({
        method: 'post',
        path: `/api/nodes/{ip}/${action}`,
        needs: 'operator',
        summary: action === 'pause' ? 'No run is taken there until it is resumed' : 'Runs are taken again',
        params: Ip,
        body: NOTHING,
        answers: { 200: { description: 'the node', schema: Node } },
        errors: [404],
        handle: async ({ params: { ip } }) => ({ body: await nodes[action](ip) }),
      }),
    ),
  ]
}
