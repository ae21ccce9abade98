/** API: the only way of the page to the server.
 *  In: a method, a path below `/api`, a query, a body. Out: what the server answered, or an ApiError with its words, its code and its
 *  problems field by field. A database that is away, a missing right, a conflict: all are ApiErrors, and a person can read each. */
import { below } from './base-path.ts'
import { elapsed, learn } from './clock.ts'

export interface Problem {
  /** `trigger.hour`. */
  readonly path: string
  readonly message: string
}

export class ApiError extends Error {
  /** Of HTTP; 0: the server did not answer. */
  readonly status: number
  readonly code: string
  readonly problems: readonly Problem[]

  constructor(status: number, code: string, message: string, problems: readonly Problem[] = []) {
    super(message)
    this.status = status
    this.code = code
    this.problems = problems
  }
}

export interface Answer<T> {
  readonly body: T
  readonly etag: string | null
}

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly query?: Query
  readonly body?: unknown
  /** The ETag that the change was made from. */
  readonly ifMatch?: string | null
}

export function pathWith(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    for (const one of Array.isArray(value) ? value : [value]) parameters.append(name, String(one))
  }
  const text = parameters.toString()
  return text === '' ? path : `${path}?${text}`
}

export async function ask<T>(path: string, request: Request = {}): Promise<Answer<T>> {
  const { method = 'GET', query, body, ifMatch } = request
  const headers: Record<string, string> = { accept: 'application/json' }
  if (method !== 'GET') headers['content-type'] = 'application/json'
  if (ifMatch) headers['if-match'] = ifMatch
  const sent = elapsed()
  const response = await fetch(below(`api/${pathWith(path, query)}`), {
    method,
    headers,
    ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
  }).catch(() => {
    throw new ApiError(0, 'away', 'The server does not answer.')
  })
  learn(response.headers.get('date'), elapsed() - sent)
  const text = await response.text()
  const answer = parsed(text)
  if (!response.ok) throw refusal(response.status, answer)
  return { body: answer as T, etag: response.headers.get('etag') }
}

export const get = async <T>(path: string, query?: Query): Promise<T> =>
  (await ask<T>(path, query === undefined ? {} : { query })).body

export const post = async <T>(path: string, body?: unknown): Promise<T> =>
  (await ask<T>(path, { method: 'POST', body })).body

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

function refusal(status: number, answer: unknown): ApiError {
  const { error_message, code, problems } = (answer ?? {}) as {
    readonly error_message?: string
    readonly code?: string
    readonly problems?: readonly Problem[]
  }
  const message = error_message ?? `The server answered ${status}.`
  return new ApiError(status, code ?? String(status), message, problems)
}

/** What to tell a person. */
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** `jobs/a%2Fb/pause`. */
export const at = (...parts: readonly string[]): string => parts.map(encodeURIComponent).join('/')
