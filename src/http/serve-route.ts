/** Serve route: from a request that has found its route to the answer.
 *  In: a route, a request. Out: a response with the headers that all have. In turn: who is it, may that person, is the change
 *  allowed to come from there, is what was given right; then the route's own work. Each change leaves one line in the log. */
import type { z } from 'zod'
import { monotonicNow, systemClock } from '../clock.ts'
import { nearest, type Problem } from '../errors.ts'
import { toJson } from '../json.ts'
import { bodyOf, checkChange, type Ends, HEADERS, parametersOf } from './guards.ts'
import { Refusal, refusalOf } from './refusal.ts'
import type { Needs, Reply, Route } from './route.ts'
import type { Serving } from './serving.ts'
import { mustBe, type Who } from './who.ts'

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="tidewheel", Bearer' }
const NOBODY: Who = { user: null, role: 'viewer' }

/** One request on its way. */
export interface Call {
  readonly request: Request
  readonly ends: Ends
  readonly params: Readonly<Record<string, string>>
  readonly allowedHosts: readonly string[]
  readonly hangUp?: (() => void) | undefined
}

export async function serveRoute(route: Route, serving: Serving, call: Call): Promise<Response> {
  const { request, hangUp } = call
  const began = monotonicNow(systemClock)
  const isWrite = route.method !== 'get'
  const isChange = isWrite && route.reads !== true
  let who = NOBODY
  let reply: Reply | Response | undefined
  let response: Response
  try {
    // A page of another site is refused before a name is asked for: the browser would send it along.
    if (isWrite) checkChange(request, call.allowedHosts)
    who = await serving.pulse.during(allowed(route.needs, isChange, serving, call))
    const asked = {
      params: parsed(route.params, call.params, 'path'),
      query: parsed(route.query, parametersOf(new URL(request.url)), 'parameter'),
      body: route.body === undefined ? undefined : parsed(route.body, (await bodyOf(request)) ?? {}, 'body'),
      who,
      request,
      hangUp,
    }
    reply = await serving.pulse.during(route.handle(asked))
    response = reply instanceof Response ? reply : responseOf(reply)
  } catch (error) {
    response = refused(error, serving)
  }
  if (isChange) {
    const ids = (reply instanceof Response ? undefined : reply?.ids) ?? Object.values(call.params)
    const { user, role } = who
    serving.log.info(
      { user, role, from: call.ends.remote, change: `${request.method} ${route.path}`, ids, status: response.status },
      'http.change',
    )
  }
  serving.requests.add(`${request.method} ${route.path}`, response.status, monotonicNow(systemClock) - began)
  return response
}

/** More of a wrong word is not repeated. */
const MOST_SHOWN = 60

/** Throws where this person may not. */
async function allowed(needs: Needs, isChange: boolean, serving: Serving, { request, ends }: Call): Promise<Who> {
  if (needs === 'anybody') return NOBODY
  const who = await serving.door.who(request, ends)
  if (who === undefined) {
    throw new Refusal(401, 'unauthenticated', 'who asks? Expected a name and a password, or a token', {
      headers: CHALLENGE,
    })
  }
  mustBe(needs, who)
  if (isChange && serving.readOnly) throw new Refusal(403, 'forbidden', 'this server only shows, it changes nothing')
  return who
}

function parsed(schema: z.ZodType | undefined, given: unknown, where: 'path' | 'parameter' | 'body'): unknown {
  if (schema === undefined) {
    const [strange] = where === 'parameter' ? Object.keys(given as object) : []
    if (strange === undefined) return given
    throw wrong(where, [{ path: strange, message: `${strange}: not known here` }])
  }
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const known = 'shape' in schema ? Object.keys(schema.shape as object) : []
  throw wrong(
    where,
    result.error.issues.flatMap(issue => problemsOf(issue, known, given)),
  )
}

/** `known`: the names at the top, for "did you mean". */
function problemsOf(issue: z.core.$ZodIssue, known: readonly string[], given: unknown): readonly Problem[] {
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => {
      const at = path === '' ? key : `${path}.${key}`
      const near = path === '' ? nearest(key, known) : undefined
      return { path: at, message: `${at}: not known here${near === undefined ? '' : `; did you mean ${near}?`}` }
    })
  }
  const message = issue.code === 'invalid_value' ? noneOf(issue, given) : issue.message
  return [{ path, message: path === '' ? message : `${path}: ${message}` }]
}

/** A word that is none of those there are. */
function noneOf({ values, path }: z.core.$ZodIssueInvalidValue, given: unknown): string {
  const words = values.map(String)
  const found = path.reduce((value, key) => (value as Readonly<Record<PropertyKey, unknown>> | undefined)?.[key], given)
  const near = typeof found === 'string' ? nearest(found, words) : undefined
  const shown = found === undefined ? 'nothing' : toJson(found).slice(0, MOST_SHOWN)
  return `expected ${words.join(', ')}; found ${shown}${near === undefined ? '' : `; did you mean ${near}?`}`
}

const wrong = (where: string, problems: readonly Problem[]) =>
  new Refusal(400, 'invalid_option', `${where}: ${problems.map(({ message }) => message).join('; ')}`, { problems })

function responseOf({ status = 200, body, headers }: Reply): Response {
  const common = { ...HEADERS, 'Cache-Control': 'no-store', ...headers }
  if (body === undefined) return new Response(null, { status: status === 200 ? 204 : status, headers: common })
  return new Response(toJson(body), { status, headers: { ...common, 'Content-Type': 'application/json' } })
}

/** The answer to a request that is not served. */
export function refused(error: unknown, { log }: Pick<Serving, 'log'>): Response {
  const refusal = refusalOf(error)
  if (refusal.code === 'unforeseen') log.error({ err: error }, 'http.unforeseen')
  return responseOf({ status: refusal.status, body: refusal.body, headers: refusal.headers })
}
