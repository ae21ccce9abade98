/** Documents: the API says what it is: as OpenAPI for programs, as a page for people.
 *  The page is made here from the same document; its style comes from a file of its own, so that it needs nothing from elsewhere. */
import { HEADERS } from '../http/guards.ts'
import { type Route, route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { pageOf, STYLE } from './docs-page.ts'
import { openApiOf } from './openapi.ts'

/** The routes that tell of `others` and of themselves. */
export function documentRoutes({ basePath }: Serving, others: readonly Route[]): readonly Route[] {
  const document = () => openApiOf([...others, ...own], basePath)
  const text = (body: string, type: string) =>
    new Response(body, {
      headers: { ...HEADERS, 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-cache' },
    })
  const own: readonly Route[] = [
    route({
      method: 'get',
      path: '/openapi.json',
      needs: 'anybody',
      summary: 'This API as OpenAPI 3.1',
      answers: { 200: { description: 'the document', type: 'application/json' } },
      handle: () => ({ body: document() }),
    }),
    route({
      method: 'get',
      path: '/api/docs',
      needs: 'anybody',
      summary: 'This API as a page to read',
      answers: { 200: { description: 'the page', type: 'text/html' } },
      handle: () => text(pageOf(document()), 'text/html'),
    }),
    route({
      method: 'get',
      path: '/api/docs.css',
      needs: 'anybody',
      summary: 'The style of that page',
      answers: { 200: { description: 'the style', type: 'text/css' } },
      handle: () => text(STYLE, 'text/css'),
    }),
  ]
  return own
}
