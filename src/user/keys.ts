/** Keys: does what somebody shows fit a user?
 *  In: a name with a password, or a token; the users as the database has them. Out: who it is and the role, or nobody.
 *  Users are read anew after half a second, and before anybody is refused; a right password is remembered for a while, by a keyed
 *  hash that holds what is stored, so that a new password, a new role or a removed user counts at the next reading.
 *  Holds: that there are no users is said only where the database said so. */
import { monotonicNow, systemClock, within } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import { decoyFor, inTurn, isPassword } from './password.ts'
import { keyedHash, tokenHash } from './token.ts'
import { isEndless, isName, lesser, type Role, type Token, type User, userOf } from './user.ts'

/** A user who showed the right thing. */
export interface Recognised {
  readonly user: string
  readonly role: Role
}

/** Where users lie. */
export interface Keyring {
  /** All documents, as they lie in the database. */
  keys(): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** A token was used. */
  used(name: string, hash: string): Promise<void>
}

const FRESH_MS = 500
const PATIENCE_MS = 5_000
const REMEMBERED_MS = 5 * 60_000
const MOST_REMEMBERED = 1_000
const USED_MS = 60_000
const MOST_USED = 10_000

interface Reading {
  /** When it began, by a clock that never steps. */
  readonly at: number
  readonly isEmpty: boolean
  readonly users: ReadonlyMap<string, User>
  readonly tokens: ReadonlyMap<string, readonly [User, Token]>
  /** For names that do not exist. */
  readonly decoy: string
}

export class Keys {
  readonly #ring: Keyring
  readonly #hash = keyedHash()
  #latest: Reading | undefined
  #reading: Promise<Reading> | undefined
  /** Right passwords, oldest first: until when. */
  readonly #remembered = new Map<string, number>()
  /** Passwords that are being looked at. */
  readonly #going = new Map<string, Promise<boolean>>()
  /** When a use of a token was last told. */
  readonly #used = new Map<string, number>()

  constructor(ring: Keyring) {
    this.#ring = ring
  }

  /** Whether the database has no user. */
  async isEmpty(): Promise<boolean> {
    return (await this.#known()).isEmpty
  }

  /** `admit` is asked when the password's turn comes, and throws where it may not be looked at any more; `from` is whose `admit`
   *  it is. */
  async byPassword(
    name: string,
    password: string,
    from: string,
    admit: () => Promise<void>,
  ): Promise<Recognised | undefined> {
    if (!isName(name) || isEndless(password)) return undefined
    const before = (await this.#known()).users.get(name)
    if (before !== undefined && this.#isRemembered(this.#hash(name, password, before.password))) return whoIs(before)
    const { users, decoy } = await this.#read()
    const stored = users.get(name)?.password
    const id = this.#hash(name, password, stored ?? '')
    const isRight = await this.#compared(this.#hash(id, from), password, stored ?? decoy, admit)
    // It may have waited for its turn.
    const user = (await this.#known()).users.get(name)
    if (!isRight || user === undefined || user.password !== stored) return undefined
    this.#remember(id)
    return whoIs(user)
  }

  async byToken(text: string): Promise<Recognised | undefined> {
    const hash = tokenHash(text)
    const [user, token] = (await this.#known()).tokens.get(hash) ?? (await this.#read()).tokens.get(hash) ?? []
    if (user === undefined || token === undefined) return undefined
    if (token.expires !== undefined && token.expires.getTime() <= systemClock.now()) return undefined
    this.#use(user, token)
    return { user: user._id, role: lesser(user.role, token.role ?? user.role) }
  }

  async #known(): Promise<Reading> {
    if (this.#latest !== undefined && monotonicNow(systemClock) - this.#latest.at < FRESH_MS) return this.#latest
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return await this.#reading
  }

  async #read(): Promise<Reading> {
    const at = monotonicNow(systemClock)
    const reading = readingOf(await within(this.#ring.keys(), PATIENCE_MS, silent).catch(unsaid), at)
    if (this.#latest === undefined || this.#latest.at < at) this.#latest = reading
    return reading
  }

  /** The same twice at once is compared once. */
  #compared(id: string, password: string, stored: string, admit: () => Promise<void>): Promise<boolean> {
    const going =
      this.#going.get(id) ??
      inTurn(async () => {
        await admit()
        return await isPassword(password, stored)
      }).finally(() => this.#going.delete(id))
    this.#going.set(id, going)
    return going
  }

  #isRemembered(id: string): boolean {
    const until = this.#remembered.get(id)
    return until !== undefined && monotonicNow(systemClock) < until
  }

  #remember(id: string): void {
    this.#remembered.delete(id)
    this.#remembered.set(id, monotonicNow(systemClock) + REMEMBERED_MS)
    const [oldest] = this.#remembered.keys()
    if (this.#remembered.size > MOST_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest)
  }

  /** Told once a minute at most; that it could not be stored refuses nobody. */
  #use({ _id }: User, { hash, last_used }: Token): void {
    const now = monotonicNow(systemClock)
    const told = this.#used.get(hash)
    if (told !== undefined && now - told < USED_MS) return
    if (last_used instanceof Date && Math.abs(systemClock.now() - last_used.getTime()) < USED_MS) return
    if (this.#used.size >= MOST_USED) this.#used.clear()
    this.#used.set(hash, now)
    this.#ring.used(_id, hash).catch(() => {})
  }
}

const whoIs = ({ _id, role }: User): Recognised => ({ user: _id, role })

function readingOf(documents: readonly Readonly<Record<string, unknown>>[], at: number): Reading {
  const known = documents.flatMap(document => userOf(document) ?? [])
  return {
    at,
    isEmpty: documents.length === 0,
    users: new Map(known.map(user => [user._id, user])),
    tokens: new Map(known.flatMap(user => user.tokens.map(token => [token.hash, [user, token]] as const))),
    decoy: decoyFor(known.map(({ password }) => password)),
  }
}

/** The caller is nobody yet: what the database said, with addresses and commands in it, is not for everybody. */
function unsaid(cause: unknown): never {
  if (!(cause instanceof TidewheelError)) throw cause
  const { code } = cause
  if (code !== 'unauthorised')
    throw new TidewheelError(code, 'the database does not say who may come in', {}, { cause })
  const advice = 'Let its user of MongoDB read it: HTTP=1 of scripts/create-node-user.js.'
  throw new TidewheelError(code, 'the database does not let this server read who may come in', { advice }, { cause })
}

/** A database that says nothing is away. */
function silent(): never {
  throw new TidewheelError('timeout', `the database has not said who may come in within ${PATIENCE_MS} ms`)
}
