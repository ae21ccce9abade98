/** Scenario: one run of the fault checker, from an empty folder to a verdict.
 *  Warm-up → faults and edits by the plan, all the while → healed and calm → nodes drained → one last read → the judge.
 *  In: a plan and a built product. Out: the judge's verdict; everything it was made from stays in the folder. */
import { spawnSync } from 'node:child_process'
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { firstValueFrom, from, throwError, timeout } from 'rxjs'
import { AGENDA_NODE, fromAgenda } from './agenda.ts'
import { cannotMount, startCluster } from './cluster.ts'
import { hasFakeTime } from './fake-time.ts'
import { History, sleep, trueNow, until } from './history.ts'
import { nemesisOf } from './nemesis.ts'
import { DB } from './node-slot.ts'
import { personOf, plain } from './person.ts'
import type { Plan } from './plan.ts'
import { sample } from './sample.ts'
import type { Verdict } from './verdict.ts'

export interface ScenarioOptions {
  readonly plan: Plan
  readonly product: string
  readonly folder: string
  readonly say?: (line: string) => void
  /** The folder in which Agenda is installed: it takes the product's place. */
  readonly agenda?: string
}

/** A node that has not ended by itself after so long does not end. */
const STOP_MS = 60_000
/** A set whose last faults and edits have not come to their end after so long does not heal. */
const HEAL_MS = 240_000
const JUDGE = fileURLToPath(new URL('judge.py', import.meta.url))

export async function runScenario({
  plan,
  product,
  folder,
  say = () => {},
  agenda,
}: ScenarioOptions): Promise<Verdict> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'plan.json'), JSON.stringify({ ...plan, reference: agenda !== undefined }, null, 1))
  const history = new History(folder)
  const has = (kind: string) => plan.faults.some(fault => fault.kind === kind)
  const noMount = has('disk-full') ? cannotMount(folder) : 'not asked for'
  if (has('disk-full') && noMount !== undefined) say(`disk-full is skipped: ${noMount}`)
  for (const kind of ['clock-jump', 'server-clock'])
    if (has(kind) && !hasFakeTime()) say(`${kind} is skipped: libfaketime is not installed`)
  const cluster = await startCluster({
    product,
    folder,
    nodes: plan.nodes,
    leaseMs: plan.leaseMs,
    history,
    oplogMb: plan.oplogMb,
    readsFrom: plan.readsFrom,
    taskSets: plan.taskSets,
    electionMs: plan.electionMs,
    lag: has('majority-lag'),
    fakeClock: has('clock-jump'),
    serverClock: has('server-clock'),
    diskMb: noMount === undefined ? 400 : undefined,
    program: agenda === undefined ? undefined : { file: AGENDA_NODE, env: { AGENDA: agenda } },
  })
  const client = new MongoClient(cluster.set.uri, { serverSelectionTimeoutMS: 20_000, appName: 'person' })
  let sampling = true
  try {
    await Promise.all(cluster.nodes.map(node => node.start()))
    const person = personOf(plan, client, history, agenda !== undefined)
    await person.insertAll()
    if (agenda === undefined) await heard(client)
    const began = trueNow()
    history.write({ f: 'phase', what: 'begin', leaseMs: plan.leaseMs })
    const sampled = sample(cluster, history, () => sampling)
    const nemesis = nemesisOf({ cluster, client, person, history })
    const going: Promise<void>[] = []
    const turns = [
      ...plan.faults.map(fault => ({
        at: fault.at,
        act: () => {
          say(`${clock(fault.at)} ${fault.kind}${fault.node === undefined ? '' : ` n${fault.node}`} ${fault.ms} ms`)
          going.push(nemesis.strike(fault))
        },
      })),
      ...plan.edits.map(edit => ({ at: edit.at, act: () => void person.edit(edit) })),
    ].sort((a, b) => a.at - b.at)
    for (const { at, act } of turns) {
      const left = began + at - trueNow()
      if (left > 0) await sleep(left)
      act()
    }
    await sleep(Math.max(0, began + plan.ms - trueNow()))
    await firstValueFrom(
      from(Promise.all(going).then(() => person.idle())).pipe(timeout({ first: HEAL_MS, with: unhealed })),
    )
    history.write({ f: 'phase', what: 'healed' })
    say(`${clock(trueNow() - began)} healed; ${plan.calmMs} ms of calm`)
    await sleep(plan.calmMs)
    await save(client, folder, 'calm', agenda !== undefined)
    history.write({ f: 'phase', what: 'calm' })
    sampling = false
    await sampled
    const codes = await Promise.all(cluster.nodes.map(node => node.stop(STOP_MS)))
    history.write({ f: 'phase', what: 'drained', codes })
    await save(client, folder, 'final', agenda !== undefined)
    history.write({ f: 'phase', what: 'read' })
  } finally {
    sampling = false
    await client.close()
    await cluster.stop()
  }
  return judge(folder)
}

/** Lets the judge look at a folder. */
export function judge(folder: string): Verdict {
  const python = process.env.PYTHON ?? 'python3'
  const { status, stdout, stderr } = spawnSync(python, ['-B', JUDGE, folder], { encoding: 'utf8', maxBuffer: 1 << 28 })
  if (status !== 0) throw new Error(`the judge failed:\n${stderr}\n${stdout}`)
  return JSON.parse(readFileSync(join(folder, 'verdict.json'), 'utf8')) as Verdict
}

const unhealed = () =>
  throwError(
    () => new Error(`faults and edits have not come to their end within ${HEAL_MS} ms: the database does not heal`),
  )

/** Resolves when the nodes, which have only just started, have planned all jobs: from then on nothing excuses. */
async function heard(client: MongoClient): Promise<void> {
  const jobs = client.db(DB).collection('jobs')
  const unheard = { 'state.planned': { $exists: false }, 'state.claimed_to': { $exists: false } }
  await until(async () => (await jobs.countDocuments(unheard, { limit: 1 })) === 0, 30_000, 'each job is planned')
}

const clock = (ms: number) =>
  `${String(Math.floor(ms / 60_000)).padStart(2, '0')}:${String(Math.floor(ms / 1_000) % 60).padStart(2, '0')}`

/** All documents as a majority has them. */
async function save(client: MongoClient, folder: string, name: string, agenda: boolean): Promise<void> {
  for (const collection of ['jobs', 'executions', 'nodes']) {
    if (name === 'calm' && collection === 'executions') continue
    const out = createWriteStream(join(folder, `${name}-${collection}.jsonl`))
    const from = agenda && collection === 'jobs' ? 'agenda' : collection
    const cursor = client
      .db(DB)
      .collection(from)
      .find({}, { readConcern: { level: 'majority' }, promoteLongs: true })
    for await (const document of cursor)
      out.write(`${JSON.stringify(plain(from === 'agenda' ? fromAgenda(document) : document))}\n`)
    await new Promise<void>(done => out.end(() => done()))
  }
}
