/** Workspace: the scripts that the node which serves can run. */
import { z } from 'zod'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { Instant, pageOf } from './wire.ts'

const File = z
  .object({
    path: z.string().describe('below the workspace: the `func` of a job with the executor `script`'),
    by: z.string().describe('what runs it: `itself`, or an interpreter such as `python3`'),
    size: z.number().describe('bytes'),
    mtime: Instant,
  })
  .meta({ id: 'WorkspaceFile' })

export const workspaceRoutes = ({ node }: Serving): readonly Route[] => [
  route({
    method: 'get',
    path: '/api/workspace',
    needs: 'viewer',
    summary: 'What the node that serves can run of its workspace; a server without a node has none',
    answers: { 200: { description: 'by path', schema: pageOf(File) } },
    handle: async () => ({ body: { items: (await node?.workspace()) ?? [], next: null } }),
  }),
]
