/** Routes: all that can be asked, one file a resource. */
import type { Route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { documentRoutes } from './documents.ts'
import { meRoutes } from './me.ts'

/** The first that fits is taken: a fixed name stands before a parameter in its place. */
export function routesOf(serving: Serving): readonly Route[] {
  const routes = [...meRoutes(serving)]
  return [...routes, ...documentRoutes(serving, routes)]
}
