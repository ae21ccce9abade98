/** Me: who the server takes the caller for, and what can be done here. */
import { z } from 'zod'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { ROLES } from '../http/who.ts'
import { VERSION } from '../version.ts'

const Me = z
  .object({
    user: z.string().nullable().describe('null: nobody had to say a name'),
    role: z.enum(ROLES as ['viewer', 'operator', 'admin']),
    open: z.boolean().describe('there are no users: everybody on this machine is an admin'),
    readOnly: z.boolean().describe('nothing can be changed here, whatever the role'),
    node: z.string().nullable().describe('the ip of the node that serves; null: this server runs no job'),
    version: z.string(),
  })
  .meta({ id: 'Me' })

export const meRoutes = ({ door, node, readOnly }: Serving): readonly Route[] => [
  route({
    method: 'get',
    path: '/api/me',
    needs: 'viewer',
    summary: 'Who asks, and what may be done here',
    answers: { 200: { description: 'the caller', schema: Me } },
    handle: async ({ who }) => ({
      body: { ...who, open: await door.isOpen(), readOnly, node: node?.ip ?? null, version: VERSION },
    }),
  }),
]
