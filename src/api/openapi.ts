/** OpenAPI: the document of all routes, in version 3.1, from the schemas that validate.
 *  In: the routes. Out: a plain object. A schema with an id is said once and referred to.
 *  Zod gives JSON Schema of the dialect that OpenAPI 3.1 has. Pure. */
import { z } from 'zod'
import type { Answer, Route } from '../http/route.ts'
import { VERSION } from '../version.ts'

type Json = Readonly<Record<string, unknown>>

const PREFIX = '#/components/schemas/'

const Problem = z.object({
  error_message: z.string().describe('what was expected, what was found, and where'),
  code: z.string().describe('for programs; it stays the same'),
  problems: z
    .array(z.object({ path: z.string(), message: z.string() }))
    .optional()
    .describe('each thing that is wrong, where it is'),
})

/** What the status says, beside the sentence in the answer. */
const ERRORS: Readonly<Record<number, string>> = {
  400: 'something that was given is wrong',
  401: 'nobody known asks: a name and a password, or a token, are expected',
  403: 'known, but this may not be done with this role or from there',
  404: 'there is none of this name',
  409: 'it contradicts what is there',
  412: 'it was changed meanwhile (`If-Match`)',
  413: 'the body is larger than 1 MiB',
  415: 'changes are JSON',
  421: '`Host` is no name of this server',
  428: 'a condition is missing',
  429: 'too many failed attempts; `Retry-After` says when to try again',
  503: 'the database is away; `Retry-After` says when to ask again',
}

export function openApiOf(routes: readonly Route[], basePath: string): Json {
  const components = new Map<string, Json>()
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes.filter(({ hidden }) => hidden !== true)) {
    const at = paths[route.path] ?? {}
    paths[route.path] = at
    at[route.method] = operationOf(route, components)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tidewheel',
      version: VERSION,
      description: 'Jobs are documents of MongoDB; every change here is an edit of one.',
    },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    security: [{ basic: [] }, { bearer: [] }],
    paths,
    components: {
      securitySchemes: { basic: { type: 'http', scheme: 'basic' }, bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: jsonOf(Problem, components), ...Object.fromEntries(components) },
    },
  }
}

function operationOf(route: Route, components: Map<string, Json>): Json {
  const { method, path, summary, needs, body } = route
  const operationId = `${method}${path.replace(/[^A-Za-z]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`
  return {
    operationId,
    summary,
    tags: [tagOf(path)],
    ...(needs === 'anybody' ? { security: [] } : { description: `Needs the role ${needs}.` }),
    parameters: [
      ...parametersOf(route.params, 'path', components),
      ...parametersOf(route.query, 'query', components),
      ...(route.headers ?? []).map(({ name, description }) => ({
        name,
        in: 'header',
        required: false,
        description,
        schema: { type: 'string' },
      })),
    ],
    ...(body !== undefined && {
      requestBody: {
        required: !body.safeParse({}).success,
        content: { 'application/json': { schema: jsonOf(body, components) } },
      },
    }),
    responses: responsesOf(route, components),
  }
}

/** `/api/jobs/{id}` is of the jobs. */
const tagOf = (path: string): string => /^\/api\/(\w+)/.exec(path)?.[1] ?? /^\/(\w*)/.exec(path)?.[1] ?? ''

function parametersOf(schema: z.ZodType | undefined, where: 'path' | 'query', components: Map<string, Json>) {
  if (!(schema instanceof z.ZodObject)) return []
  return Object.entries(schema.shape as Readonly<Record<string, z.ZodType>>).map(([name, value]) => {
    const { description, ...json } = jsonOf(value, components)
    return {
      name,
      in: where,
      required: where === 'path' || !value.safeParse(undefined).success,
      ...(description !== undefined && { description }),
      schema: json,
    }
  })
}

function responsesOf({ answers, errors = [], needs, method }: Route, components: Map<string, Json>): Json {
  const isChange = method !== 'get'
  const usual = [400, 421, 503, ...(needs === 'anybody' ? [] : [401, 403, 429]), ...(isChange ? [403, 413, 415] : [])]
  const refused = [...new Set([...usual, ...errors])].sort((a, b) => a - b)
  return Object.fromEntries([
    ...Object.entries(answers).map(([status, answer]) => [status, answerOf(answer, components)]),
    // Answered by the server of Node, before any route is found: without a body.
    [431, { description: 'the address and the headers are larger than 16 KiB' }],
    ...refused.map(status => [
      status,
      { description: ERRORS[status], content: { 'application/json': { schema: { $ref: `${PREFIX}Problem` } } } },
    ]),
  ])
}

function answerOf({ description, schema, type = 'application/json' }: Answer, components: Map<string, Json>): Json {
  if (schema === undefined && type === 'application/json') return { description }
  const json = schema === undefined ? { type: 'string' } : jsonOf(schema, components)
  return { description, content: { [type]: { schema: json } } }
}

/** The schema as JSON; parts with an id go into the components. */
function jsonOf(schema: z.ZodType, components: Map<string, Json>): Json {
  const { $schema: _dialect, $defs = {}, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  for (const [id, part] of Object.entries($defs)) components.set(id, referring(part as Json))
  const { id } = z.globalRegistry.get(schema) ?? {}
  if (typeof id !== 'string') return referring(json)
  components.set(id, referring(json))
  return { $ref: `${PREFIX}${id}` }
}

/** References of a schema of its own, as references within the document; ids say nothing there. */
function referring(value: Json): Json {
  return JSON.parse(JSON.stringify(value), (key, part) => {
    if (key === '$ref') return String(part).replace('#/$defs/', PREFIX)
    return key === 'id' && typeof part === 'string' ? undefined : part
  })
}
