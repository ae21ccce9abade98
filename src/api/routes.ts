/** Routes: all that can be asked, one file a resource. */
import type { Route } from '../http/route.ts'
import type { Serving } from '../http/serving.ts'
import { documentRoutes } from './documents.ts'
import { eventRoutes } from './events.ts'
import { healthRoutes } from './health.ts'
import { jobRoutes } from './jobs.ts'
import { meRoutes } from './me.ts'
import { nodeRoutes } from './nodes.ts'
import { orderRoutes } from './orders.ts'
import { pageRoutes } from './page.ts'
import { runRoutes } from './runs.ts'
import { schedulerRoutes } from './scheduler.ts'
import { schedulerJobRoutes } from './scheduler-jobs.ts'
import { userRoutes } from './users.ts'
import { viewRoutes } from './views.ts'
import { workspaceRoutes } from './workspace.ts'

/** The first that fits is taken: a fixed name stands before a parameter in its place. */
export function routesOf(serving: Serving): readonly Route[] {
  const routes = [
    ...meRoutes(serving),
    ...orderRoutes(serving),
    ...jobRoutes(serving),
    ...runRoutes(serving),
    ...nodeRoutes(serving),
    ...viewRoutes(serving),
    ...workspaceRoutes(serving),
    ...userRoutes(serving),
    ...eventRoutes(serving),
    ...healthRoutes(serving),
    ...schedulerRoutes(serving),
    ...schedulerJobRoutes(serving),
  ]
  return [...routes, ...documentRoutes(serving, routes), ...pageRoutes(serving)]
}
