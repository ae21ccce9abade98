/** User: who may come in over HTTP, as it lies in the collection `users`.
 *  In: documents, names, passwords and labels of any kind. Out: users as far as they can be trusted, and what is wrong with the rest.
 *  Roles contain one another: a viewer reads; an operator steers jobs, runs and nodes, too; an admin changes what there is. Pure.
 *  Holds: a role that is none may do nothing, and no sentence shows a password. */

/** What somebody may do over HTTP: `viewer` reads; `operator` also pauses, resumes, runs, moves, cancels and drains; `admin` does all. */
export type Role = 'viewer' | 'operator' | 'admin'

export const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']

/** Whether a role may do what needs another one. */
export const mayAct = (role: Role, needs: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needs)

/** The one that may do less. */
export const lesser = (a: Role, b: Role): Role => (mayAct(a, b) ? b : a)

/** A document of `users`. */
export interface User {
  /** The name. */
  readonly _id: string
  readonly role: Role
  /** `$scrypt$ln=14,r=8,p=5$salt$hash`, both in base64. */
  readonly password: string
  readonly tokens: readonly Token[]
}

/** What a program shows instead of a name and a password. */
export interface Token {
  /** Its label, one of its kind among the tokens of its user. */
  readonly name: string
  /** SHA-256 in hex. */
  readonly hash: string
  /** Absent: its user's. It never counts for more than that. */
  readonly role?: Role
  readonly created: Date
  /** To a minute; null: never. */
  readonly last_used: Date | null
  /** Absent: it stays until it is revoked. */
  readonly expires?: Date
}

const LEAST_PASSWORD = 10
const MOST_PASSWORD = 1_024
const MOST_LABEL = 64

/** What a name has to be. Format characters would let two names look alike. */
export const NAME = 'a name of 1 to 64 characters without whitespace, control characters and colons, such as ann'
export const isName = (value: unknown): value is string =>
  typeof value === 'string' && /^[^\s:\p{C}]{1,64}$/u.test(value)

export const LABEL = `a label of 1 to ${MOST_LABEL} characters without control characters, such as grafana`
export const isLabel = (value: unknown): value is string =>
  typeof value === 'string' && /^\P{C}{1,64}$/u.test(value) && value.trim() === value

export const isRole = (value: unknown): value is Role => (ROLES as readonly unknown[]).includes(value)

/** As it is hashed: the same text whichever keyboard composed it. */
export const normalised = (password: string): string => password.normalize('NFKC')

/** Too long to be looked at. */
export const isEndless = (password: string): boolean => password.length > MOST_PASSWORD

/** What is wrong with a new password; undefined: nothing. It says how long one is, not which. */
export function passwordProblem(password: unknown): string | undefined {
  const expected = `expected a password of ${LEAST_PASSWORD} to ${MOST_PASSWORD.toLocaleString('en')} characters`
  if (typeof password !== 'string') return `${expected}, found ${password === undefined ? 'none' : 'no text'}`
  if (isEndless(password)) return `${expected}, found ${password.length.toLocaleString('en')}`
  const length = [...normalised(password)].length
  return length < LEAST_PASSWORD ? `${expected}, found ${length}` : undefined
}

/** As much of a document as can be trusted: people edit it, too. Undefined: it has no name. */
export function userOf(document: Readonly<Record<string, unknown>>): User | undefined {
  const { _id, role, password, tokens } = document
  if (typeof _id !== 'string') return undefined
  const sound = Array.isArray(tokens) ? tokens.filter(isToken) : []
  return { _id, role: role as Role, password: typeof password === 'string' ? password : '', tokens: sound }
}

const isToken = (value: unknown): value is Token => {
  const { name, hash, role, expires } = (value ?? {}) as Readonly<Record<string, unknown>>
  return (
    typeof name === 'string' &&
    typeof hash === 'string' &&
    (role === undefined || isRole(role)) &&
    (expires === undefined || (expires instanceof Date && !Number.isNaN(expires.getTime())))
  )
}
