/** Nemesis: carries faults out on a cluster, and heals them.
 *  In: a planned fault. Out: two lines in the history: when it began, and when nothing stood in anyone's way any more.
 *  A fault that this machine cannot make is skipped, with its reason. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Document, MongoClient } from 'mongodb'
import { nodesOf } from '../../src/client/nodes.ts'
import type { Cluster } from './cluster.ts'
import { crowd } from './crowd.ts'
import { burst, dropAndRestore, fill, killStreams, lagging, lead, renameAway, rollOplog } from './harm.ts'
import { type History, sleep, trueNow, until } from './history.ts'
import { foundAll } from './messages.ts'
import { DB, type NodeSlot } from './node-slot.ts'
import type { Person } from './person.ts'
import { type Fault, OF_CLUSTER, OF_NOBODY } from './plan.ts'
import { type CaughtRun, inBody, isPlan, KEPT, type Point, runsAt } from './points.ts'
import type { Weather } from './proxy.ts'

export interface Nemesis {
  /** Resolves when it is healed; never rejects. */
  strike(fault: Fault): Promise<void>
}

type Loose = Document & { _id: string }

/** Why a fault cannot be made here. */
class Skipped extends Error {}

const MAJORITY = { writeConcern: { w: 'majority' as const } }
/** A clock that was set is seen within this time. */
const SEEN_MS = 1_500
/** So long after it was made to lead, a member and all nodes are over its election. */
const LED_MS = 16_000
/** A run comes by within this time. */
const CATCH_MS = 20_000
/** A run that is to go on while its job is moved and its node killed. */
const LONG_RUN_MS = 8_000
/** A node obeys within a heartbeat, and comes back within a lease. */
const OBEY_MS = 60_000

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

  const db = client.db(DB)
  const jobs = db.collection<Loose>('jobs')
  const registry = db.collection<Loose>('nodes')
  const people = nodesOf({ nodes: () => registry as never, jobs: () => jobs as never })

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

  /** Members come back whatever goes wrong while they are away: without a majority no later fault could be made. */
  const without = async (members: readonly number[], meanwhile: () => Promise<unknown>): Promise<void> => {
    await Promise.all(members.map(member => set.kill(member)))
    try {
      await meanwhile()
    } finally {
      await Promise.all(members.map(member => set.restart(member)))
    }
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

  /** Stops the process so long after it sent a claim: at once, it hears of the answer when it goes on; later, it knows that it won and waits
   *  for the start. Answers when that was. */
  const stoppedAfterClaim = async (node: NodeSlot, afterMs: number): Promise<number> => {
    let stopped: number | undefined
    node.line.trap({
      keeps: 'nothing',
      matches: request => runsAt('claim-sent', request).length > 0,
      sprung() {
        const stop = () => {
          stopped = trueNow()
          void node.kill('SIGSTOP')
        }
        if (afterMs === 0) stop()
        else void sleep(afterMs).then(stop)
      },
    })
    try {
      await until(() => stopped !== undefined, CATCH_MS, `${node.ip} claims`).catch(() => {})
    } finally {
      node.line.trap(undefined)
    }
    return stopped ?? trueNow()
  }

  /** Stores jobs that are due once, on a node, and resolves when they run there. */
  const oneshots = async (fault: Fault, ip: string, to: string): Promise<readonly string[]> => {
    const due = trueNow() + 500
    const names = [0, 1].map(i => `oneshot-${fault.id}-${i}`)
    for (const [i, job] of names.entries()) {
      const rerun = i === 1
      const trigger = { type: 'date', run_date: new Date(due) }
      const kwargs = { ms: LONG_RUN_MS }
      const more = { misfire_grace_time: null, ...(rerun && { on_interrupt: 'rerun' }) }
      history.write({ f: 'oneshot', fault: fault.id, job, due, ip, to, rerun, ms: LONG_RUN_MS })
      await jobs.insertOne({ _id: job, func: 'witness:note', ip, trigger, kwargs, ...more }, MAJORITY)
    }
    const going = { _id: { $in: names }, 'state.running.0': { $exists: true } }
    await until(async () => (await jobs.countDocuments(going)) === names.length, 10_000, `${names} run on ${ip}`)
    // They are claimed ahead: what dies before its start would be no run that died.
    await sleep(Math.max(0, due + 500 - trueNow()))
    return names
  }

  const moveOneshot = async (job: string, to: string): Promise<void> => {
    const session = client.startSession()
    const lo = trueNow()
    try {
      await jobs.updateOne({ _id: job }, { $set: { ip: to } }, { ...MAJORITY, session })
      const op = session.operationTime
      const at = op && [op.getHighBits() >>> 0, op.getLowBits() >>> 0]
      history.write({ f: 'oneshot-moved', job, to, lo, hi: trueNow(), op: at })
    } finally {
      await session.endSession().catch(() => {})
    }
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
      await without([await set.primary()], () => Promise.all([set.primary(), sleep(fault.ms)]))
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
      await without(others, () => sleep(fault.ms))
      await set.primary()
    },
    async freeze(fault) {
      const old = await set.primary()
      await set.freeze((old + 1) % 3, Math.ceil(fault.ms / 1_000))
      await without([old], () => Promise.all([set.primary(), sleep(fault.ms)]))
    },
    cut: fault => weather(fault, { type: 'cut' }),
    'black-hole': fault => weather(fault, { type: 'silent', up: true, down: true }),
    delay: fault =>
      weather(fault, { type: 'delay', ms: fault.amount || 500, ...(fault.of === 'plans' && { only: isPlan }) }),
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
    async 'server-clock'({ id, amount = 60, ms, leads = false }) {
      if (cluster.skewed === undefined) throw new Skipped('libfaketime is not installed')
      const { member, clock, restart } = cluster.skewed
      // A member whose timers stand still may not manage it: its restart does.
      const handOver = () => set.stepDown(10).catch(() => {})
      if ((await set.primary()) === member) await set.stepDown(10)
      await restart('preloaded')
      try {
        if (!leads) clock.set(amount)
        await sleep(ms / 4)
        await lead(set, member)
        // Long after its election, so that nothing but its clock is wrong.
        const step = (what: 'leads' | 'set' | 'back') => {
          if (leads) history.write({ f: 'clock-step', id, what })
        }
        step('leads')
        if (leads) await sleep(LED_MS)
        step('set')
        clock.set(amount)
        await sleep(ms / 2)
        step('back')
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
    'majority-lag': ({ ms, amount }) => lagging(set, ms, amount === 1 ? 1 : 2),
    async evict(fault) {
      const node = nodeOf(fault)
      const from = node.logSize()
      await people.evict(node.ip)
      await until(() => node.logged(from).includes('"node.started"'), OBEY_MS, `${node.ip} is back after its eviction`)
    },
    async drain(fault) {
      const { ip } = nodeOf(fault)
      const says = async (status: string) => (await registry.findOne({ _id: ip }))?.status === status
      await people.drain(ip)
      try {
        await until(() => says('draining'), OBEY_MS, `${ip} drains`)
        const going = { 'state.running.node': ip }
        await until(async () => (await jobs.countDocuments(going, { limit: 1 })) === 0, OBEY_MS, `${ip} has drained`)
        history.write({ f: 'drained', fault: fault.id, ip })
        await sleep(fault.ms)
      } finally {
        await people.drain(ip, { undo: true })
      }
      await until(() => says('active'), OBEY_MS, `${ip} works again`)
    },
    rebalance: async () => ({ moved: await people.rebalance() }),
    async 'move-kill'(fault) {
      const node = nodeOf(fault)
      const to = next(node)
      const names = await oneshots(fault, node.ip, to.ip)
      const long = { _id: /^job-\d+$/, ip: node.ip, 'state.running.0': { $exists: true }, 'kwargs.ms': { $gte: 1_000 } }
      const others = await jobs.find(long, { limit: 3, projection: { _id: 1 } }).toArray()
      const edit = { at: 0, kind: 'move', marked: false, node: nodes.indexOf(to), fault: fault.id } as const
      await Promise.all([
        ...names.map(name => moveOneshot(name, to.ip)),
        ...others.map(({ _id }) => person.edit({ ...edit, job: _id })),
      ])
      await killed(fault, [node])
    },
    crowd: ({ id, amount = 0, bodyMs = 0 }) =>
      crowd({ client, id, count: amount, bodyMs, ips: nodes.map(({ ip }) => ip), history }),
    async 'loop-blocked'(fault) {
      const { ip } = nodeOf(fault)
      const spin = { _id: `spin-${fault.id}`, ip, func: 'witness:spin', kwargs: { ms: 3_000 } }
      await jobs.insertOne({ ...spin, trigger: { type: 'date', run_date: new Date() } })
      await sleep(fault.ms)
    },
  }

  return {
    async strike(fault) {
      const { id, kind, ms, amount } = fault
      const hit = OF_CLUSTER.includes(kind)
        ? nodes
        : OF_NOBODY.includes(kind)
          ? []
          : kind === 'nodes-kill'
            ? [nodeOf(fault), next(nodeOf(fault))]
            : [nodeOf(fault)]
      const logs = Object.fromEntries(nodes.map(node => [node.ip, node.logSize()]))
      const told = { f: 'fault', id, kind, ms, amount, nodes: hit.map(({ ip }) => ip) }
      const at =
        fault.afterClaimMs === undefined ? trueNow() : await stoppedAfterClaim(nodeOf(fault), fault.afterClaimMs)
      history.write({ ...told, at, type: 'invoke', logs })
      try {
        const more = await acts[kind](fault)
        history.write({
          ...told,
          ...(more as object | undefined),
          type: 'ok',
          logs: Object.fromEntries(nodes.map(node => [node.ip, node.logSize()])),
        })
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
