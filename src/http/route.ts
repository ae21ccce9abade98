/** Route: one thing that can be asked over HTTP, said once.
 *  In: method, path, who may ask, and the schemas of what is given. Out: a value that the app mounts and the OpenAPI document is
 *  made from. A route knows nothing of sockets or headers that are the same for all: what was asked comes checked, and what it
 *  answers is a status and a value. */
import type { z } from 'zod'
import type { Who } from './who.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** What a route is handed: already checked by its schemas. */
export interface Asked<P = unknown, Q = unknown, B = unknown> {
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly who: Who
  /** For what only a few routes need: conditions, where a stream goes on, when the caller leaves. */
  readonly request: Request
}

export interface Reply {
  /** Default 200; 204 without a body. */
  readonly status?: number
  /** A value that becomes JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Which jobs, runs or nodes it was about, where the path does not say: for the log of changes. */
  readonly ids?: readonly string[]
}

export interface Answer {
  readonly description: string
  /** Absent: no body, or one that is not JSON. */
  readonly schema?: z.ZodType
  /** Default `application/json`. */
  readonly type?: string
}

/** What everybody may ask, without a name. */
export type Needs = Who['role'] | 'anybody'

export interface Route<P = unknown, Q = unknown, B = unknown> {
  readonly method: Method
  /** With parameters in braces: `/api/jobs/{id}`. */
  readonly path: string
  /** The least role; `anybody`: no user is needed. */
  readonly needs: Needs
  readonly summary: string
  /** It is for browsers, and no part of the documented API. */
  readonly hidden?: true
  /** It changes nothing, whatever its method. */
  readonly reads?: true
  readonly params?: z.ZodType<P>
  readonly query?: z.ZodType<Q>
  readonly body?: z.ZodType<B>
  /** Headers that mean something here. */
  readonly headers?: readonly { readonly name: string; readonly description: string }[]
  /** The answers that are no errors, by status. */
  readonly answers: Readonly<Record<number, Answer>>
  /** Statuses of the errors it can meet beside those of every route. */
  readonly errors?: readonly number[]
  readonly handle: (asked: Asked<P, Q, B>) => Promise<Reply | Response> | Reply | Response
}

/** Infers what the schemas say. */
export const route = <P = unknown, Q = unknown, B = unknown>(it: Route<P, Q, B>): Route => it as Route
