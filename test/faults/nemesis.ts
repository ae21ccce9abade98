/** Nemesis: carries faults out on a cluster, and heals them.
 *  In: a planned fault. Out: two lines in the history: when it began, and when nothing stood in anyone's way any more.
 *  A fault that this machine cannot make is skipped, with its reason. */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Document, MongoClient } from 'mongodb'
import { type Cluster, DB, fakeTime, type NodeSlot } from './cluster.ts'
import { type History, sleep, until } from './history.ts'
import { type Fault, OF_CLUSTER } from './plan.ts'
import type { Weather } from './proxy.ts'

export interface Nemesis {
  /** Resolves when it is healed; never rejects. */
  strike(fault: Fault): Promise<void>
}

/** Why a fault cannot be made here. */
class Skipped extends Error {}

export function nemesisOf(cluster: Cluster, client: MongoClient, history: History): Nemesis {
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

  const acts: Readonly<Record<Fault['kind'], (fault: Fault) => Promise<unknown>>> = {
    'node-kill': fault => killed(fault, [nodeOf(fault)]),
    'nodes-kill': fault => killed(fault, [nodeOf(fault), next(nodeOf(fault))]),
    async 'body-kill'(fault) {
      const node = nodeOf(fault)
      await inBody(node.witness)
      await killed(fault, [node])
    },
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
      const node = nodes.find(({ clock }) => clock !== undefined)
      if (node?.clock === undefined || fakeTime() === undefined) throw new Skipped('libfaketime is not installed')
      const seconds = fault.amount ?? 30
      writeFileSync(node.clock, `${seconds < 0 ? '' : '+'}${seconds}\n`)
      await sleep(Math.max(fault.ms, 5_000))
      writeFileSync(node.clock, '+0\n')
      await sleep(1_500)
    },
    async 'disk-full'(fault) {
      if (cluster.disk === undefined) throw new Skipped('no small disk was mounted')
      const filler = join(cluster.disk, 'filler')
      fill(filler)
      await sleep(fault.ms)
      rmSync(filler, { force: true })
      if (!isAlive(set.pid(2))) await set.restart(2)
      await set.primary()
    },
    // The edits themselves are in the plan.
    storm: fault => sleep(fault.ms),
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

/** Resolves while a body of some length goes on, if there is one soon. */
async function inBody(witness: string): Promise<void> {
  const isOpen = () => {
    if (!existsSync(witness)) return false
    const { size } = statSync(witness)
    const lines = readFileSync(witness)
      .subarray(Math.max(0, size - 4_096))
      .toString()
      .split('\n')
    const last = lines.slice(1).filter(Boolean).at(-1)
    return last?.startsWith('{"type":"start"') === true
  }
  await until(isOpen, 5_000, 'a run goes on').catch(() => {})
}

/** Kills the cursors and running getMores of a node's change streams. */
async function killStreams(client: MongoClient, ip: string): Promise<void> {
  const admin = client.db('admin')
  const stages = [
    { $currentOp: { allUsers: true, idleCursors: true } },
    { $match: { appName: `tidewheel:${ip}`, ns: `${DB}.jobs`, 'cursor.tailable': true } },
  ]
  for (const op of await admin.aggregate(stages).toArray()) {
    const id = op.cursor?.cursorId
    if (op.opid !== undefined) await admin.command({ killOp: 1, op: op.opid }).catch(() => {})
    if (id !== undefined)
      await client
        .db(DB)
        .command({ killCursors: 'jobs', cursors: [id] })
        .catch(() => {})
  }
}

/** Writes until the oplog has forgotten what is there now. */
async function rollOplog(client: MongoClient): Promise<void> {
  const oplog = client.db('local').collection('oplog.rs')
  const ts = async (way: 1 | -1) => (await oplog.find().sort({ $natural: way }).limit(1).next())?.ts
  const before = await ts(-1)
  const noise = client.db('noise').collection('noise')
  const filler = 'x'.repeat(1_000_000)
  const limit = performance.now() + 60_000
  while (performance.now() < limit) {
    try {
      await noise.insertMany(
        Array.from({ length: 8 }, () => ({ filler })),
        { writeConcern: { w: 'majority' } },
      )
      await noise.deleteMany({})
      const first = await ts(1)
      if (first?.greaterThan(before)) return
    } catch {
      // An election comes in between.
      await sleep(500)
    }
  }
  throw new Error('the oplog did not roll over within a minute')
}

function fill(file: string): void {
  const block = Buffer.alloc(1024 * 1024, 1)
  for (const size of [block.length, 4_096]) {
    try {
      for (;;) writeFileSync(file, block.subarray(0, size), { flag: 'a' })
    } catch {}
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
