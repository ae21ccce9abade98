/** App: the API as one function from requests to answers, and as a listener for Node's servers.
 *  In: a client of the database, or a node. Out: `fetch` and `listener`, which an application mounts below any path in plain http,
 *  Express or Fastify; `close` ends the streams that go on.
 *  The routes are a list; which is asked for Hono's router finds. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Client } from '../client/connect.ts'
import { TidewheelError } from '../errors.ts'
import { Requests } from '../health/requests.ts'
import { Runs } from '../health/runs.ts'
import { type Auth, doorOf } from '../http/door.ts'
import { checkHost, endsOf } from '../http/guards.ts'
import { Pulse } from '../http/pulse.ts'
import { Refusal } from '../http/refusal.ts'
import type { Route } from '../http/route.ts'
import { refused, serveRoute } from '../http/serve-route.ts'
import type { NodeHere, Serving } from '../http/serving.ts'
import { Hub } from '../live/hub.ts'
import { type Logger, loggerOf } from '../log.ts'
import { checkAppOptions } from './app-options.ts'
import { routesOf } from './routes.ts'

/** What `createApp` takes. */
export interface AppOptions {
  /** A client of the database, as `connect` gives it; it stays open. */
  readonly client?: Client
  /** A node of this process: its database is served where no client is given, and `/scheduler` acts on it. */
  readonly node?: NodeHere
  /** The path that all addresses begin with, such as `/tidewheel`. Default: none. */
  readonly basePath?: string | undefined
  /** Says who asks, instead of the users of the database: a session of the application, the header of a proxy. */
  readonly auth?: Auth
  /** Names that a request's `Host` may have, beside loopback names and the address it came to. Default: none. */
  readonly allowedHosts?: readonly string[] | undefined
  /** True: whatever the role, nothing can be changed here. Default: false. */
  readonly readOnly?: boolean | undefined
  /** True: `/metrics` needs a user, as all else does. Default: false. */
  readonly metricsAuth?: boolean | undefined
  /** A logger of pino for changes and what was not foreseen; false: none. Default: warnings and errors to stderr. */
  readonly logger?: Logger | false
}

/** What `createApp` makes: mount `listener` or `fetch`, and call `close` when the application ends. */
export interface App {
  /** Answers a request; `env` as a server of Hono gives it, from which the ends of the connection are known. */
  fetch(request: Request, env?: Partial<HttpBindings>): Promise<Response>
  /** For `http.createServer`, `app.use` of Express, and a route of Fastify that hands over `request.raw` and `reply.raw`. */
  readonly listener: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  /** Ends the streams that go on; the client stays open. */
  close(): Promise<void>
}

/** Throws `invalid_option` for a wrong option, and where neither a client nor a node is given. */
export function createApp(options: AppOptions): App {
  checkAppOptions(options)
  const { node, basePath = '', allowedHosts = [] } = options
  const client = options.client ?? node?.client
  if (client === undefined) {
    throw new TidewheelError('invalid_option', 'createApp: expected a client or a node, found neither', {
      path: 'client',
    })
  }
  const serving: Serving = {
    client,
    node,
    door: doorOf(client, options.auth),
    log: loggerOf(options.logger),
    readOnly: options.readOnly ?? false,
    basePath: basePath.replace(/\/+$/, ''),
    hub: new Hub(client),
    pulse: new Pulse(() => client.nodes.list()),
    requests: new Requests(),
    runs: node && new Runs(node.events$),
    metricsAuth: options.metricsAuth ?? false,
  }
  const routes = routesOf(serving)
  const router = new Hono<{ Bindings: Partial<HttpBindings> }>()
  for (const route of routes) {
    router.on(route.method.toUpperCase(), pathOf(route), c =>
      serveRoute(route, serving, {
        request: c.req.raw,
        ends: endsOf(c.env?.incoming),
        params: c.req.param() as Record<string, string>,
        allowedHosts,
        hangUp: c.env?.outgoing && (() => c.env.outgoing?.destroy()),
      }),
    )
  }
  router.notFound(c => refused(unknownPath(c.req.path, routes), serving))
  router.onError(error => refused(error, serving))
  const fetch: App['fetch'] = async (request, env = {}) => {
    try {
      const asked = new URL(request.url).host
      const { local } = endsOf(env.incoming)
      checkHost(request.headers.get('host') ?? asked, local, allowedHosts)
      // A request may name its host in its target too, and then that one counts.
      if (env.incoming !== undefined) checkHost(asked, local, allowedHosts)
      return await router.fetch(below(serving.basePath, request, env.incoming), env)
    } catch (error) {
      return refused(error, serving)
    }
  }
  return {
    fetch,
    listener: getRequestListener((request, env) => fetch(request, env as HttpBindings), {
      overrideGlobalObjects: false,
      errorHandler: error => refused(unreadable(error), serving),
    }),
    close: async () => {
      serving.hub.close()
      serving.runs?.end()
    },
  }
}

/** Of a request that is none, such as one without a host. */
const unreadable = (error: unknown) =>
  new Refusal(400, 'invalid_option', `the request cannot be read: ${(error as Error).message}`, { cause: error })

/** As Hono spells it. */
const pathOf = ({ path }: Route) => path.replace(/\{(\w+)\}/g, ':$1')

/** The request as it would be without a base path. Express has taken the path that it mounts us at away. */
function below(basePath: string, request: Request, incoming: IncomingMessage | undefined): Request {
  const url = new URL(request.url)
  if (basePath === '') return request
  if (url.pathname === basePath || url.pathname.startsWith(`${basePath}/`)) {
    url.pathname = url.pathname.slice(basePath.length) || '/'
    return new Request(url, request)
  }
  if (incoming !== undefined && 'baseUrl' in incoming && incoming.baseUrl === basePath) return request
  throw new Refusal(404, 'no_route', `${url.pathname}: everything here lies below ${basePath}`)
}

/** Nothing there, or nothing by this method. */
function unknownPath(path: string, routes: readonly Route[]): Refusal {
  const methods = routes.filter(route => isAt(route, path)).map(({ method }) => method.toUpperCase())
  if (methods.length === 0)
    return new Refusal(404, 'no_route', `${path}: there is nothing here; /api/docs says what is`)
  const allowed = [...new Set(methods)].join(', ')
  return new Refusal(405, 'method_not_allowed', `${path}: expected ${allowed}`, { headers: { Allow: allowed } })
}

const isAt = (route: Route, path: string): boolean =>
  new RegExp(`^${route.path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(path)
