/** Nemesis: carries faults out on a cluster, and heals them.
 *  In: a planned fault. Out: two lines in the history: when it began, and when nothing stood in anyone's way any more.
 *  A fault that this machine cannot make is skipped, with its reason. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Document, MongoClient } from 'mongodb'
import type { Cluster } from './cluster.ts'
import { burst, dropAndRestore, fill, killStreams, lead, renameAway, rollOplog } from './harm.ts'
import { type History, sleep, until } from './history.ts'
import { foundAll } from './messages.ts'
import { DB, type NodeSlot } from './node-slot.ts'
import type { Person } from './person.ts'
import { type Fault, OF_CLUSTER } from './plan.ts'
import { type CaughtRun, inBody, KEPT, type Point, runsAt } from './points.ts'
import type { Weather } from './proxy.ts'

export interface Nemesis {
  /** Resolves when it is healed; never rejects. */
  strike(fault: Fault): Promise<void>
}

/** Why a fault cannot be made here. */
class Skipped extends Error {}

/** A clock that was set is seen within this time. */
const SEEN_MS = 1_500
/** A run comes by within this time. */
const CATCH_MS = 20_000

export interface Hands {
  readonly cluster: Cluster
  readonly client: MongoClient
  readonly person: Person
  readonly history: History
}

export function nemesisOf({ cluster, client, person, history }: Hands): Nemesis {
  const { set, nodes } = cluster
  const nodeOf = (fault: Fault): NodeSlot => nodes[(fault.node ?? 0) % nodes.length] as NodeSlot
  const next = (node: NodeSlot): NodeSlot => nodes[(nodes.indexOf(node) + 1) % nodes.length] as NodeSlot

  const weather = async (fault: Fault, what: Weather): Promise<void> => {
    const { line } = nodeOf(fault)
    line.become(what)
    await sleep(fault.ms)
    line.become({ type: 'open' })
  }

  const killed = async (fault: Fault, victims: readonly NodeSlot[]): Promise<void> => {
    await Promise.all(victims.map(node => node.kill('SIGKILL')))
    await sleep(fault.ms)
    await Promise.all(victims.map(node => node.start()))
  }

  /** Ends the process at the instant at which the message is held. */
  const killedAt = async (fault: Fault, point: Point): Promise<void> => {
    const node = nodeOf(fault)
    let runs: readonly CaughtRun[] = []
    let gone: Promise<unknown> | undefined
    node.line.trap({
      keeps: KEPT[point],
      matches(request) {
        runs = runsAt(point, request)
        return runs.length > 0
      },
      sprung(held) {
        gone = node.kill('SIGKILL')
        const won = point === 'claim-stored' && foundAll(held, runs.length)
        history.write({ f: 'caught', fault: fault.id, point, ip: node.ip, won, runs })
      },
    })
    try {
      await until(() => gone !== undefined, CATCH_MS, `a run of ${node.ip} is at ${point}`)
    } finally {
      node.line.trap(undefined)
    }
    await gone
    await sleep(fault.ms)
    await node.start()
  }

  /** The person who takes the collection away edits nothing meanwhile. */
  const away = async (act: () => Promise<void>): Promise<void> => {
    const goOn = await person.hold()
    try {
      await act()
    } finally {
      goOn()
    }
  }

  const acts: Readonly<Record<Fault['kind'], (fault: Fault) => Promise<unknown>>> = {
    'node-kill': fault => killed(fault, [nodeOf(fault)]),
    'nodes-kill': fault => killed(fault, [nodeOf(fault), next(nodeOf(fault))]),
    async 'body-kill'(fault) {
      const node = nodeOf(fault)
      await inBody(node.witness)
      await killed(fault, [node])
    },
    'kill-claim-sent': fault => killedAt(fault, 'claim-sent'),
    'kill-claim-stored': fault => killedAt(fault, 'claim-stored'),
    'kill-row-sent': fault => killedAt(fault, 'row-sent'),
    'kill-pull-sent': fault => killedAt(fault, 'pull-sent'),
    async 'node-pause'(fault) {
      const node = nodeOf(fault)
      await node.kill('SIGSTOP')
      await sleep(fault.ms)
      await node.kill('SIGCONT')
    },
    async twin(fault) {
      const node = nodeOf(fault)
      const first = node.child
      const twin = await node.start('node.standby')
      await sleep(fault.ms)
      const from = node.logSize()
      await node.kill('SIGKILL', first)
      node.adopt(twin)
      await until(
        () => node.logged(from).includes('"node.started"'),
        60_000,
        `the other process of ${node.ip} takes over`,
      )
    },
    'step-down': () => set.stepDown(10),
    async 'primary-kill'(fault) {
      const old = await set.primary()
      await set.kill(old)
      await Promise.all([set.primary(), sleep(fault.ms)])
      await set.restart(old)
    },
    async 'primary-pause'(fault) {
      const old = await set.primary()
      await set.kill(old, 'SIGSTOP')
      await sleep(fault.ms)
      await set.kill(old, 'SIGCONT')
      await set.primary()
    },
    async 'majority-lost'(fault) {
      const old = await set.primary()
      const others = [0, 1, 2].filter(member => member !== (old + 1) % 3)
      await Promise.all(others.map(member => set.kill(member)))
      await sleep(fault.ms)
      await Promise.all(others.map(member => set.restart(member)))
      await set.primary()
    },
    async freeze(fault) {
      const old = await set.primary()
      await set.freeze((old + 1) % 3, Math.ceil(fault.ms / 1_000))
      await set.kill(old)
      await Promise.all([set.primary(), sleep(fault.ms)])
      await set.restart(old)
    },
    cut: fault => weather(fault, { type: 'cut' }),
    'black-hole': fault => weather(fault, { type: 'silent', up: true, down: true }),
    delay: fault => weather(fault, { type: 'delay', ms: fault.amount || 500 }),
    'one-way-up': fault => weather(fault, { type: 'silent', up: true, down: false }),
    'one-way-down': fault => weather(fault, { type: 'silent', up: false, down: true }),
    async reset(fault) {
      nodeOf(fault).line.reset()
    },
    'answer-lost': fault => weather(fault, { type: 'answer-lost' }),
    async 'stream-killed'(fault) {
      await killStreams(client, nodeOf(fault).ip)
    },
    async 'oplog-rolled'(fault) {
      const { line } = nodeOf(fault)
      line.become({ type: 'silent', up: true, down: true })
      try {
        await Promise.all([rollOplog(client), sleep(fault.ms)])
      } finally {
        // Held messages would only meet a server that has forgotten their cursors.
        line.reset()
        line.become({ type: 'open' })
      }
    },
    async 'clock-jump'(fault) {
      const clock = nodes.find(node => node.clock !== undefined)?.clock
      if (clock === undefined) throw new Skipped('libfaketime is not installed')
      clock.set(fault.amount ?? 30)
      await sleep(Math.max(fault.ms, 5_000))
      clock.set(0)
      await sleep(SEEN_MS)
    },
    async 'server-clock'({ amount = 60, ms }) {
      if (cluster.skewed === undefined) throw new Skipped('libfaketime is not installed')
      const { member, clock, restart } = cluster.skewed
      // A member whose timers stand still may not manage it: its restart does.
      const handOver = () => set.stepDown(10).catch(() => {})
      if ((await set.primary()) === member) await set.stepDown(10)
      await restart('preloaded')
      try {
        clock.set(amount)
        await sleep(ms / 4)
        await lead(set, member)
        await sleep(ms / 2)
        // Back under its own lead, or under another one's.
        if (amount < 0) await handOver()
        clock.set(0)
        await sleep(Math.max(SEEN_MS, ms / 4))
      } finally {
        clock.set(0)
        await restart('plain')
      }
      await set.primary()
    },
    renamed: ({ ms }) => away(() => renameAway(client, () => sleep(ms))),
    dropped: ({ ms }) => away(() => dropAndRestore(client, () => sleep(ms))),
    async 'disk-full'(fault) {
      if (cluster.disk === undefined) throw new Skipped('no small disk was mounted')
      const filler = join(cluster.disk, 'filler')
      fill(filler)
      await sleep(fault.ms)
      rmSync(filler, { force: true })
      if (!isAlive(set.pid(2))) await set.restart(2)
      await set.primary()
    },
    async storm({ id, ms, amount = 0 }) {
      // Its edits are in the plan.
      await sleep(ms)
      await burst({ client, id, count: amount, ips: nodes.map(({ ip }) => ip), history })
    },
    async 'loop-blocked'(fault) {
      const { ip } = nodeOf(fault)
      const spin = { _id: `spin-${fault.id}`, ip, func: 'witness:spin', kwargs: { ms: 3_000 } }
      await client
        .db(DB)
        .collection<Document & { _id: string }>('jobs')
        .insertOne({ ...spin, trigger: { type: 'date', run_date: new Date() } })
      await sleep(fault.ms)
    },
  }

  return {
    async strike(fault) {
      const { id, kind, ms, amount } = fault
      const hit = OF_CLUSTER.includes(kind)
        ? nodes
        : kind === 'nodes-kill'
          ? [nodeOf(fault), next(nodeOf(fault))]
          : [nodeOf(fault)]
      const logs = Object.fromEntries(nodes.map(node => [node.ip, node.logSize()]))
      const told = { f: 'fault', id, kind, ms, amount, nodes: hit.map(({ ip }) => ip) }
      history.write({ ...told, type: 'invoke', logs })
      try {
        await acts[kind](fault)
        history.write({ ...told, type: 'ok', logs: Object.fromEntries(nodes.map(node => [node.ip, node.logSize()])) })
      } catch (error) {
        const type = error instanceof Skipped ? 'skip' : 'fail'
        history.write({ ...told, type, why: String(error) })
      }
    },
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
