/** Users: who may come in, for admins. No answer holds a hash; the text of a token is answered once.
 *  Holds: whoever is an admin here leaves an admin behind, so that nobody locks everybody out. */
import { z } from 'zod'
import { TidewheelError } from '../errors.ts'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { ROLES, type Role } from '../http/who.ts'

const RoleName = z.enum(ROLES as ['viewer', 'operator', 'admin'])
const time = () => z.iso.datetime({ offset: true })
const Token = z
  .object({
    name: z.string().describe('its label'),
    role: RoleName.optional().describe("absent: its user's"),
    created: time(),
    last_used: time().nullable().describe('to a minute; null: never'),
    expires: time().optional(),
  })
  .meta({ id: 'Token' })
const User = z.object({ _id: z.string(), role: RoleName, tokens: z.array(Token) }).meta({ id: 'User' })
const Params = z.object({ name: z.string() })
const password = () => z.string().describe('10 to 1,024 characters')

export function userRoutes({ client, basePath }: Serving): readonly Route[] {
  const { users } = client
  /** Throws `conflict` where nobody else is an admin and this user would not be one. */
  const staysGoverned = async (name: string, role?: Role) => {
    if (role === 'admin') return
    const others = (await users.list()).filter(user => user._id !== name)
    if (others.some(user => user.role === 'admin')) return
    const message = `user ${name}: one admin has to be left; make another one first`
    throw new TidewheelError('conflict', message, { user: name })
  }
  return [
    route({
      method: 'get',
      path: '/api/users',
      needs: 'admin',
      summary: 'All users, by name',
      answers: {
        200: { description: 'the users', schema: z.object({ items: z.array(User), next: z.null() }) },
      },
      handle: async () => ({ body: { items: await users.list(), next: null } }),
    }),
    route({
      method: 'post',
      path: '/api/users',
      needs: 'admin',
      summary: 'Add a user; the first one has to be an admin',
      body: z.strictObject({ _id: z.string(), role: RoleName, password: password() }),
      answers: { 201: { description: 'the user', schema: User } },
      errors: [409],
      handle: async ({ body: { _id, role, password } }) => {
        await staysGoverned(_id, role)
        const user = await users.add(_id, { role, password })
        const headers = { Location: `${basePath}/api/users/${encodeURIComponent(_id)}` }
        return { status: 201, body: user, headers, ids: [_id] }
      },
    }),
    route({
      method: 'patch',
      path: '/api/users/{name}',
      needs: 'admin',
      summary: 'Change the role or the password of a user',
      params: Params,
      body: z.strictObject({ role: RoleName.optional(), password: password().optional() }),
      answers: { 200: { description: 'the user', schema: User } },
      errors: [404, 409],
      handle: async ({ params: { name }, body: { role, password } }) => {
        if (role === undefined && password === undefined) {
          throw new TidewheelError('invalid_option', 'body: expected a role or a password, found neither')
        }
        if (role !== undefined) await staysGoverned(name, role)
        // First what may be refused for what it is.
        const changed = password === undefined ? undefined : await users.passwd(name, password)
        return { body: role === undefined ? changed : await users.role(name, role) }
      },
    }),
    route({
      method: 'delete',
      path: '/api/users/{name}',
      needs: 'admin',
      summary: 'Remove a user with all tokens',
      params: Params,
      answers: { 204: { description: 'removed' } },
      errors: [404, 409],
      handle: async ({ params: { name } }) => {
        await staysGoverned(name)
        await users.remove(name)
        return { status: 204 }
      },
    }),
    route({
      method: 'post',
      path: '/api/users/{name}/tokens',
      needs: 'admin',
      summary: 'Make a token: its text is in this answer and nowhere else',
      params: Params,
      body: z.strictObject({
        label: z.string().optional(),
        role: RoleName.optional().describe("at most its user's"),
        expires: time().optional(),
      }),
      answers: { 201: { description: 'the token', schema: z.object({ user: z.string(), token: z.string() }) } },
      errors: [404, 409],
      handle: async ({ params: { name }, body: { label, role, expires } }) => {
        const wanted = {
          ...(label !== undefined && { label }),
          ...(role !== undefined && { role }),
          ...(expires !== undefined && { expires: new Date(expires) }),
        }
        return { status: 201, body: { user: name, token: await users.token(name, wanted) } }
      },
    }),
    route({
      method: 'delete',
      path: '/api/users/{name}/tokens/{label}',
      needs: 'admin',
      summary: 'Take a token away',
      params: Params.extend({ label: z.string() }),
      answers: { 204: { description: 'taken away' } },
      errors: [404],
      handle: async ({ params: { name, label } }) => {
        await users.revoke(name, label)
        return { status: 204 }
      },
    }),
  ]
}
