/** Routes: all that can be asked, one file a resource. */

import type { Route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { meRoutes } from './me.ts'
import { schedulerRoutes } from './scheduler.ts'
import { schedulerJobRoutes } from './scheduler-jobs.ts'

/** The first that fits is taken: a fixed name stands before a parameter in its place. */
export const routesOf = (serving: Serving): readonly Route[] => [
  ...meRoutes(serving),
  ...schedulerRoutes(serving),
  ...schedulerJobRoutes(serving),
]
