/** Routes: all that can be asked, one file a resource. */

import type { Route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { eventRoutes } from './events.ts'
import { healthRoutes } from './health.ts'
import { meRoutes } from './me.ts'

/** The first that fits is taken: a fixed name stands before a parameter in its place. */
export const routesOf = (serving: Serving): readonly Route[] => [
  ...meRoutes(serving),
  ...eventRoutes(serving),
  ...healthRoutes(serving),
]
