/** Nodes for tests: n of them, each with an ip of its own, on one database; and a person, who edits through a plain driver.
 *  Their tasks record each start: `note` ends at once, `hold` goes on until it is released or aborted, `fail` throws.
 *  `close()` releases what is held and closes all nodes and clients. */
import { type Collection, type Document, MongoClient } from 'mongodb'
import { vi } from 'vitest'
import type { Run, Task } from '../../src/executor/executor.ts'
import type { Job } from '../../src/job/job.ts'
import { createNode, type TidewheelNode } from '../../src/node/node.ts'
import type { NodeOptions } from '../../src/node/options.ts'

/** One start of a recording task. */
export interface Ran {
  /** Of the node whose function was called. */
  readonly ip: string
  readonly job: Job
  readonly id: string
  readonly run_time: Date
  readonly fence: bigint
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly attempt: number
  readonly signal: AbortSignal
}

/** Documents as a person sees them: of any shape, with ids that are strings. */
export type Loose = Document & { _id: string }

export interface Nodes {
  readonly nodes: readonly TidewheelNode[]
  readonly ips: readonly string[]
  /** Every start of a recording task on any of the nodes, in order. */
  readonly ran: readonly Ran[]
  ranOf(jobId: string): readonly Ran[]
  /** A person's plain driver, on a client of its own. */
  readonly client: MongoClient
  readonly jobs: Collection<Loose>
  readonly executions: Collection<Loose>
  /** One more node on the same database; not started, closed with the others. */
  another(options: Partial<NodeOptions> & { readonly ip: string }): TidewheelNode
  /** Lets the runs of `hold` end, of one job or of all. */
  release(jobId?: string): void
  close(): Promise<void>
}

export interface NodesOptions extends Omit<NodeOptions, 'uri' | 'ip'> {
  readonly uri: string
  /** Default 1; ips are 10.0.0.1 and so on. */
  readonly count?: number
}

let clusters = 0

/** Nodes that are active. */
export async function startNodes({ uri, count = 1, tasks, ...options }: NodesOptions): Promise<Nodes> {
  const ran: Ran[] = []
  const held = new Map<string, { readonly job: string; readonly end: () => void }>()
  const all: TidewheelNode[] = []
  const cluster = ++clusters
  const client = await MongoClient.connect(uri, { appName: 'person' })
  const db = client.db()
  const another = (own: Partial<NodeOptions> & { readonly ip: string }) => {
    const node = createNode({
      uri,
      logger: false,
      ...options,
      ...own,
      tasks: { ...recording(own.ip), ...tasks, ...own.tasks },
    })
    all.push(node)
    return node
  }
  const recording = (ip: string): Record<string, Task> => {
    const record = (run: Run) => {
      const { id, job, runTime, fence, args, kwargs, attempt, signal } = run
      ran.push({ ip, job, id, run_time: runTime, fence, args, kwargs, attempt, signal })
    }
    return {
      note: async run => {
        record(run)
        return run.args[0]
      },
      hold: run => {
        record(run)
        return new Promise<string>(resolve => {
          const end = () => {
            held.delete(run.id)
            resolve('released')
          }
          held.set(run.id, { job: run.job._id, end })
          run.signal.addEventListener('abort', end)
        })
      },
      fail: async run => {
        record(run)
        throw new RangeError('out of range')
      },
    }
  }
  const ips = Array.from({ length: count }, (_, i) => `10.0.${cluster % 250}.${i + 1}`)
  const nodes = ips.map(ip => another({ ip }))
  await Promise.all(nodes.map(node => node.start()))
  const release = (jobId?: string) => {
    for (const { job, end } of [...held.values()]) if (jobId === undefined || jobId === job) end()
  }
  return {
    nodes,
    ips,
    ran,
    ranOf: jobId => ran.filter(({ job }) => job._id === jobId),
    client,
    jobs: db.collection<Loose>('jobs'),
    executions: db.collection<Loose>('executions'),
    another,
    release,
    close: async () => {
      release()
      await Promise.all(all.map(node => node.close()))
      await client.close()
    },
  }
}

/** Waits until `look` throws no more; gives what it gave. */
export const until = <T>(look: () => T | Promise<T>, timeout = 8_000): Promise<T> =>
  vi.waitFor(look, { timeout, interval: 10 })
