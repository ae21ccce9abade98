/** Real lease: how a process takes and renews its lease, and how a survivor closes one, as the source sends it. */

import { Lease } from '../../src/cluster/lease.ts'
import { closeEnded } from '../../src/cluster/registry.ts'
import { FakeClock } from '../support/clock.ts'
import { type Command, minute, noting } from './real.ts'

export async function leaseWrites(
  ip: string,
  leaseMs: number,
): Promise<{ readonly take: Command; readonly renew: Command }> {
  const { commands, collection } = noting([], { _id: ip, seen: minute(0) })
  const clock = new FakeClock()
  const abilities = () => ({ tasks: [], executors: {} })
  const lease = new Lease({ nodes: collection, ip, leaseMs, clock, version: '1', timezone: 'UTC', abilities })
  await lease.take()
  const take = commands.at(-1) as Command
  await lease.renew({ status: 'active', jobs: 0, running: 0, stream: { open: true, behind: 0 } })
  return { take, renew: commands.at(-1) as Command }
}

/** The incarnation in the filter is to be that of the lease. */
export async function closeWrite(ip: string): Promise<Command> {
  const { commands, collection } = noting()
  await closeEnded(collection, { _id: ip, incarnation: '', seen: minute(0), lease: 1, left: -1 })
  return commands[0] as Command
}
