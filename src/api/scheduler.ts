/** Scheduler: Flask-APScheduler's routes about the scheduler itself, which here is the node that serves.
 *  In: the node, if there is one. Out: whether it runs; 204 when it does what was asked, 400 where it is not in the state for it,
 *  409 where this server has no node. No run is ever interrupted: a shutdown lets those that go on end. */
import { hostname } from 'node:os'
import { Refusal } from '../http/refusal.ts'
import { type Route, route } from '../http/route.ts'
import type { NodeHere, Serving } from '../http/serving.ts'
import { SchedulerInfo, Shutdown } from './scheduler-schemas.ts'

const RUNNING: ReadonlySet<string> = new Set(['standby', 'active', 'paused', 'draining'])
const DONE = { 204: { description: 'done' } }

export function schedulerRoutes({ node, log }: Serving): readonly Route[] {
  /** Since a shutdown was asked for, until the last run has ended. */
  let ending: Promise<void> | undefined

  const isRunning = () => ending === undefined && node !== undefined && RUNNING.has(node.status().state)

  /** Throws where there is no node, or where it does not run (`running`: or does). */
  const own = (running: boolean): NodeHere => {
    if (node === undefined) {
      throw new Refusal(409, 'conflict', 'this server has no node of its own; ask the server of a node')
    }
    if (isRunning() === running) return node
    const message = running ? 'the scheduler is not running; start it first' : 'the scheduler is running already'
    throw new Refusal(400, 'conflict', message)
  }

  const done = ({ ip }: NodeHere) => ({ ...(ip !== undefined && { ids: [ip] }) })

  const act = (name: string, needs: 'operator' | 'admin', summary: string, work: () => Promise<NodeHere>): Route =>
    route({
      method: 'post',
      path: `/scheduler/${name}`,
      needs,
      summary,
      answers: DONE,
      errors: [400, 409],
      handle: async () => done(await work()),
    })

  return [
    route({
      method: 'get',
      path: '/scheduler',
      needs: 'viewer',
      summary: 'Whether the node that serves runs',
      answers: { 200: { description: 'the scheduler', schema: SchedulerInfo } },
      handle: () => ({
        body: { current_host: hostname().toLowerCase(), allowed_hosts: ['*'], running: isRunning() },
      }),
    }),
    act('pause', 'operator', 'The node takes no new runs', async () => {
      const it = own(true)
      it.pause()
      return it
    }),
    act('resume', 'operator', 'The node takes runs again; due times are made up by the misfire rule', async () => {
      const it = own(true)
      it.resume()
      return it
    }),
    act('start', 'admin', 'Starts the node, also after a shutdown', async () => {
      const it = own(false)
      await it.start()
      return it
    }),
    route({
      method: 'post',
      path: '/scheduler/shutdown',
      needs: 'admin',
      summary: 'Stops the node when the runs that go on have ended; what it serves goes on',
      body: Shutdown,
      answers: DONE,
      errors: [400, 409],
      handle: async ({ body: { wait } }) => {
        const it = own(true)
        const ended = it.stop()
        ending = ended
          .catch(error => log.error({ err: error }, 'http.shutdown'))
          .finally(() => {
            ending = undefined
          })
        if (wait) await ended
        return done(it)
      },
    }),
  ]
}
