/** Nodes: what people do with nodes, through a node or a client.
 *  In: ips. Out: the registry as it lies in the database, each node with whether it lives; how many jobs moved.
 *  Moves made here are a person's edits: they set no `touch`. Every failure is a TidewheelError. */
import type { Collection } from 'mongodb'
import type { NodeInfo } from '../cluster/lease.ts'
import { evacuate, rebalance, takeable } from '../cluster/moves.ts'
import { closeAny, isLiving, readRegistry, takesJobs } from '../cluster/registry.ts'
import { asked } from '../database/connection.ts'
import { TidewheelError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import { Writer } from '../protocol/writer.ts'
import { type DrainPreview, drainPreviewOf } from './drain-preview.ts'
import { givenIp, givenSwitches } from './given.ts'

/** A node of the registry as it lies in the database, and whether it lives. */
export interface ListedNode extends NodeInfo {
  /** By the server's clock: its lease has not ended, and it has not said that it stopped. */
  readonly living: boolean
}

/** The same for a node and for a client without one. */
export interface Nodes {
  /** By ip. */
  list(): Promise<readonly ListedNode[]>
  /** Asks a node to take no new runs, and to give its jobs to those that may take them; `undo` takes the wish back.
   *  The node obeys at its next heartbeat, also after a restart. Throws `not_found`. */
  drain(ip: string, options?: { readonly undo?: boolean }): Promise<NodeInfo>
  /** What a drain would do with its jobs, as the registry says now: which would go where, which would stay and why. Changes nothing.
   *  Throws `not_found`. */
  previewDrain(ip: string): Promise<DrainPreview>
  /** Asks a node to take no new runs; its jobs stay, and what they miss is made up by the misfire rule. The node obeys at its next
   *  heartbeat, also after a restart. Throws `not_found`. */
  pause(ip: string): Promise<NodeInfo>
  /** Takes back a wish that a node pause or drain. Throws `not_found`. */
  resume(ip: string): Promise<NodeInfo>
  /** Treats a node as dead, at once: its process, should it live, is fenced, its runs are interrupted, and its jobs move to
   *  those that may take them; answers how many moved. A process that lives comes back as a new one. Throws `not_found`. */
  evict(ip: string): Promise<number>
  /** Brings jobs that were taken over back home where that lives, and spreads those that the cluster placed; answers how many moved. */
  rebalance(): Promise<number>
}

export interface NodesOptions {
  /** Throw `closed` where there are none (yet). */
  readonly nodes: () => Collection<NodeInfo>
  readonly jobs: () => Collection<Job>
}

export function nodesOf({ nodes, jobs }: NodesOptions): Nodes {
  const targets = async () => (await readRegistry(nodes())).filter(takesJobs)
  const want = (ip: string, wanted: NonNullable<NodeInfo['wanted']>, where: string) =>
    asked(async () => {
      givenIp(ip, where)
      const node = await nodes().findOneAndUpdate({ _id: ip }, { $set: { wanted } }, { returnDocument: 'after' })
      if (node === null) throw notFound(ip)
      return node
    })
  return {
    list: () =>
      asked(async () => {
        const known = await readRegistry(nodes())
        return known.map(({ left, ...node }) => ({ ...node, living: isLiving({ ...node, left }) }))
      }),
    drain: async (ip, how) => {
      const { undo } = givenSwitches(how, 'nodes.drain', 'undo')
      return await want(ip, undo ? 'active' : 'draining', 'nodes.drain')
    },
    previewDrain: ip =>
      asked(async () => {
        givenIp(ip, 'nodes.previewDrain')
        const known = await readRegistry(nodes())
        if (!known.some(({ _id }) => _id === ip)) throw notFound(ip)
        return await drainPreviewOf(jobs(), ip, known)
      }),
    pause: ip => want(ip, 'paused', 'nodes.pause'),
    resume: ip => want(ip, 'active', 'nodes.resume'),
    evict: ip =>
      asked(async () => {
        givenIp(ip, 'nodes.evict')
        const to = await targets()
        const takeables = () => jobs().countDocuments(takeable(ip, to))
        const before = await takeables()
        if (!(await closeAny(nodes(), ip))) throw notFound(ip)
        await evacuate(ip, to, { jobs: jobs(), writer: new Writer({ jobs: jobs() }) })
        // Who looks after dead nodes may have moved some of them first.
        return Math.max(0, before - (await takeables()))
      }),
    rebalance: () =>
      asked(async () => await rebalance(await targets(), { jobs: jobs(), writer: new Writer({ jobs: jobs() }) })),
  }
}

const notFound = (ip: string) =>
  new TidewheelError('not_found', `node ${ip}: there is none of this ip in the registry`, {
    ip,
    advice: 'See what there is: tidewheel nodes list.',
  })
