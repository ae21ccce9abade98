/** Users: who may come in over HTTP, and what people do with them.
 *  In: names, roles, passwords, labels. Out: users without their hashes; the text of a token, once. Passwords are stored as scrypt,
 *  tokens as SHA-256. Every failure is a TidewheelError, and none shows a password.
 *  The collection is made with its first user; one that is missing has none. */
import { type Collection, MongoServerError, type WithId } from 'mongodb'
import { systemClock } from '../clock.ts'
import { asked } from '../database/connection.ts'
import { nearest, TidewheelError } from '../errors.ts'
import { hashPassword, inTurn } from '../user/password.ts'
import { newToken, tokenHash } from '../user/token.ts'
import {
  isLabel,
  isName,
  isRole,
  LABEL,
  mayAct,
  NAME,
  passwordProblem,
  ROLES,
  type Role,
  type Token,
  type User,
  userOf,
} from '../user/user.ts'
import { givenFields, givenId, refuse } from './given.ts'

/** A user, without what only the door needs. */
export interface ListedUser {
  /** The name. */
  readonly _id: string
  readonly role: Role
  readonly tokens: readonly Omit<Token, 'hash'>[]
}

/** What `users.token` takes: what the token is for, and what it may do until when. */
export interface NewToken {
  /** Default: `token-1`, or the next number that is free. */
  readonly label?: string
  /** At most its user's. Default: its user's, whichever that is at the time. */
  readonly role?: Role
  /** Default: it stays until it is revoked. */
  readonly expires?: Date
}

/** Who may come in over HTTP. Passwords have 10 characters at least and are stored as hashes, as tokens are. */
export interface Users {
  /** Throws `conflict` where there is one of this name, `invalid_option`. */
  add(name: string, user: { readonly role: Role; readonly password: string }): Promise<ListedUser>
  /** Another password; tokens stay. Throws `not_found`, `invalid_option`. */
  passwd(name: string, password: string): Promise<ListedUser>
  /** Another role. Throws `not_found`, `invalid_option`. */
  role(name: string, role: Role): Promise<ListedUser>
  /** With all tokens. Throws `not_found`. */
  remove(name: string): Promise<void>
  /** By name. */
  list(): Promise<readonly ListedUser[]>
  /** A new token: its text, which nobody can see again. Throws `not_found`, `conflict` where its label is taken, `invalid_option`. */
  token(name: string, token?: NewToken): Promise<string>
  /** Takes the token of this label away. Throws `not_found`. */
  revoke(name: string, label: string): Promise<void>
  /** All as they lie in the database, with their hashes: for a door that lets people in, to be shown to nobody. */
  keys(): Promise<readonly WithId<User>[]>
  /** A door says that a token was used. */
  used(name: string, hash: string): Promise<void>
}

const DUPLICATE = 11000
/** A door reads all of them again and again. */
const MOST_USERS = 10_000
const MOST_TOKENS = 100
const MINUTE_MS = 60_000

/** `users` throws `closed` where there are none (yet). */
export function usersOf(users: () => Collection<User>): Users {
  const found = async (name: string): Promise<User> => {
    const user = await users().findOne({ _id: name })
    if (user !== null) return userOf(user) as User
    const names = await users()
      .find({}, { projection: { _id: 1 } })
      .limit(MOST_USERS)
      .toArray()
    throw notFound(
      name,
      nearest(
        name,
        names.map(({ _id }) => String(_id)),
      ),
    )
  }
  const change = async (name: string, fields: Partial<Pick<User, 'role' | 'password'>>): Promise<ListedUser> => {
    await users().updateOne({ _id: name }, { $set: fields })
    return listed(await found(name))
  }
  return {
    add: (name, given) =>
      asked(async () => {
        givenName(name, 'users.add')
        const { role, password } = givenFields(given, 'users.add', ['role', 'password'], ', {role, password}')
        givenRole(role, 'users.add')
        const user = { _id: name, role, password: await hashed(password, 'users.add'), tokens: [] }
        try {
          await users().insertOne(user)
        } catch (error) {
          if (!(error instanceof MongoServerError) || error.code !== DUPLICATE) throw error
          const advice = 'See who is there: tidewheel user list; another password: tidewheel user passwd NAME.'
          throw new TidewheelError('conflict', `user ${name}: there is one of this name`, { user: name, advice })
        }
        return listed(user)
      }),
    passwd: (name, password) =>
      asked(async () => {
        givenName(name, 'users.passwd')
        return await change(name, { password: await hashed(password, 'users.passwd') })
      }),
    role: (name, role) =>
      asked(async () => {
        givenName(name, 'users.role')
        givenRole(role, 'users.role')
        return await change(name, { role })
      }),
    remove: name =>
      asked(async () => {
        givenName(name, 'users.remove')
        const { deletedCount } = await users().deleteOne({ _id: name })
        if (deletedCount === 0) await found(name)
      }),
    list: () =>
      asked(async () => {
        const all = await users().find({}).sort({ _id: 1 }).limit(MOST_USERS).toArray()
        return all.flatMap(document => userOf(document) ?? []).map(listed)
      }),
    token: (name, given) =>
      asked(async () => {
        givenName(name, 'users.token')
        const { label, role, expires } = givenFields(given, 'users.token', ['label', 'role', 'expires'])
        if (label !== undefined && !isLabel(label)) refuse('users.token', 'label', `expected ${LABEL}`, label)
        if (role !== undefined) givenRole(role, 'users.token')
        const created = new Date(systemClock.now())
        if (expires !== undefined && !(expires instanceof Date && expires > created)) {
          refuse('users.token', 'expires', 'expected a date that is to come', expires)
        }
        const user = await found(name)
        if (role !== undefined && !mayAct(user.role, role)) {
          refuse('users.token', 'role', `expected at most the role of ${name}, which is ${user.role}`, role)
        }
        if (user.tokens.length >= MOST_TOKENS) {
          const advice = `Take one away: tidewheel user revoke ${name} LABEL.`
          const message = `user ${name}: expected at most ${MOST_TOKENS} tokens`
          throw new TidewheelError('conflict', message, { user: name, advice })
        }
        const text = newToken()
        const own = label ?? freeLabel(user.tokens)
        const token: Token = {
          name: own,
          hash: tokenHash(text),
          ...(role !== undefined && { role }),
          created,
          last_used: null,
          ...(expires !== undefined && { expires }),
        }
        const isFree = { _id: name, 'tokens.name': { $ne: own } }
        const { matchedCount } = await users().updateOne(isFree, { $push: { tokens: token } })
        if (matchedCount > 0) return text
        const advice = `Give another --label, or take that one away: tidewheel user revoke ${name} ${own}.`
        throw new TidewheelError('conflict', `user ${name}: there is a token ${own}`, { user: name, advice })
      }),
    revoke: (name, label) =>
      asked(async () => {
        givenName(name, 'users.revoke')
        if (typeof label !== 'string') refuse('users.revoke', 'label', `expected ${LABEL}`, label)
        const { modifiedCount } = await users().updateOne({ _id: name }, { $pull: { tokens: { name: label } } })
        if (modifiedCount > 0) return
        const labels = (await found(name)).tokens.map(token => token.name)
        const near = nearest(label, labels)
        const advice = near === undefined ? `There are: ${labels.join(', ') || 'none'}.` : `Did you mean ${near}?`
        throw new TidewheelError('not_found', `user ${name}: there is no token ${label}`, { user: name, advice })
      }),
    keys: () => asked(() => users().find({}).limit(MOST_USERS).toArray()),
    used: (name, hash) =>
      asked(async () => {
        givenId(name, 'users.used')
        givenId(hash, 'users.used')
        const now = systemClock.now()
        const since = { $not: { $gt: new Date(now - MINUTE_MS) } }
        const token = { $elemMatch: { hash, last_used: since } }
        await users().updateOne({ _id: name, tokens: token }, { $set: { 'tokens.$.last_used': new Date(now) } })
      }),
  }
}

function givenName(name: unknown, where: string): asserts name is string {
  if (!isName(name)) refuse(where, 'name', `expected ${NAME}`, name)
}

function givenRole(role: unknown, where: string): asserts role is Role {
  if (isRole(role)) return
  const near = typeof role === 'string' ? nearest(role, ROLES) : undefined
  refuse(where, 'role', `expected ${ROLES.join(', ')}${near === undefined ? '' : ` (did you mean ${near}?)`}`, role)
}

async function hashed(password: unknown, where: string): Promise<string> {
  const problem = passwordProblem(password)
  if (problem === undefined) return await inTurn(() => hashPassword(password as string))
  throw new TidewheelError('invalid_option', `${where}: password: ${problem}`, { path: 'password' })
}

function notFound(name: string, near: string | undefined): TidewheelError {
  const all = 'all of them: tidewheel user list.'
  const advice = near === undefined ? `See ${all}` : `Did you mean ${near}? See ${all}`
  return new TidewheelError('not_found', `user ${name}: there is none of this name`, { user: name, advice })
}

const listed = ({ _id, role, tokens }: User): ListedUser => ({
  _id,
  role,
  tokens: tokens.map(({ hash: _, ...token }) => token),
})

function freeLabel(tokens: readonly Token[]): string {
  const taken = new Set(tokens.map(({ name }) => name))
  for (let n = 1; ; n++) {
    if (!taken.has(`token-${n}`)) return `token-${n}`
  }
}
