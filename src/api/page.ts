/** Page: the dashboard as files that were built into the package.
 *  In: the folder of the built page. Out: a route for each of its addresses, which all get the one document with the base path in it,
 *  and one for its files: their names change with their content, so that a browser keeps them for good, and they lie there
 *  compressed. Without a built page (sources that were not built) the addresses say so. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { HEADERS } from '../http/guards.ts'
import { Refusal } from '../http/refusal.ts'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'

/** Beside this file once it is built; sources find what was built from them. */
const FOLDER = new URL(import.meta.url.endsWith('.ts') ? '../../dist/dashboard/' : '../dashboard/', import.meta.url)

const PLACES = ['/', '/jobs', '/jobs/{id}', '/new', '/nodes', '/timeline', '/runs/{id}', '/stats'] as const

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
}

/** Best first. */
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

const FOREVER = 'public, max-age=31536000, immutable'
/** Where the base path goes: what the page's own script asks, and what its files are found by. */
const BASES = /(<meta name="tidewheel-base" content=|<base href=)"[^"]*"/g

interface Built {
  readonly index: string
  readonly files: ReadonlyMap<string, Buffer>
}

function readBuilt(): Built | undefined {
  const read = (name: string) => readFileSync(fileURLToPath(new URL(name, FOLDER)))
  try {
    const names = readdirSync(fileURLToPath(new URL('assets/', FOLDER)))
    return {
      index: read('index.html').toString(),
      files: new Map(names.map(name => [name, read(`assets/${name}`)])),
    }
  } catch {
    return undefined
  }
}

export function pageRoutes({ basePath }: Serving): readonly Route[] {
  let built: Built | undefined
  const files = (): Built => {
    built ??= readBuilt()
    if (built !== undefined) return built
    throw new Refusal(404, 'no_route', 'the dashboard is not built: npm run build')
  }
  const page = (request: Request) => {
    const body = files().index.replace(BASES, `$1"${basePath}/"`)
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"`
    const headers = { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-cache', ETag: etag }
    const isKnown = request.headers.get('if-none-match') === etag
    return isKnown ? new Response(null, { status: 304, headers }) : new Response(body, { headers })
  }
  return [
    ...PLACES.map(path =>
      route({
        method: 'get',
        path,
        needs: 'viewer',
        summary: 'The dashboard',
        hidden: true,
        query: z.looseObject({}),
        answers: { 200: { description: 'the page', type: 'text/html' } },
        handle: ({ request }) => page(request),
      }),
    ),
    route({
      method: 'get',
      path: '/assets/{name}',
      needs: 'anybody',
      summary: 'A file of the dashboard',
      hidden: true,
      params: z.strictObject({ name: z.string() }),
      answers: { 200: { description: 'the file' } },
      handle: ({ params: { name }, request }) => fileOf(files(), name, request.headers.get('accept-encoding') ?? ''),
    }),
  ]
}

function fileOf({ files }: Built, name: string, accepted: string): Response {
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)]
  const plain = files.get(name)
  if (plain === undefined || type === undefined)
    throw new Refusal(404, 'no_route', `/assets/${name}: there is no such file`)
  const found = ENCODINGS.find(([encoding, end]) => accepts(accepted, encoding) && files.has(`${name}${end}`))
  const body = found === undefined ? plain : (files.get(`${name}${found[1]}`) as Buffer)
  return new Response(new Uint8Array(body), {
    headers: {
      ...HEADERS,
      'Content-Type': type,
      'Cache-Control': FOREVER,
      Vary: 'Accept-Encoding',
      ...(found !== undefined && { 'Content-Encoding': found[0] }),
    },
  })
}

const accepts = (accepted: string, encoding: string): boolean =>
  accepted.split(',').some(part => {
    const [name, weight] = part.trim().split(/\s*;\s*q=/)
    return name === encoding && Number(weight ?? 1) > 0
  })
