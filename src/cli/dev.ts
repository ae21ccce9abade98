/** `tidewheel dev`: a MongoDB, some nodes and sample jobs, to try everything in one terminal. `npm start` runs it.
 *  In: how many nodes, and where the data stays; or a connection string, whose server is then used in a database of its own.
 *  Out: the connection string and lines to paste, then a line for each run and each change, until Ctrl-C.
 *  Holds: when it ends no process and no lock is left; the data stays. */
import { Command } from 'commander'
import type { Served } from '../api/serve.ts'
import { systemClock } from '../clock.ts'
import { redacted } from '../database/connection.ts'
import { SAMPLE_TASKS, sampleJobs } from '../dev/sample-tasks.ts'
import { type Client, connect, createNode, type Job, type TidewheelEvent, type TidewheelNode } from '../index.ts'
import { levelOf } from '../log.ts'
import { addSettings, type Call, run, withExample } from './call.ts'
import { type DevServer, devServer } from './dev-server.ts'
import { endNodes } from './ending.ts'
import { clockTime, lineOf } from './events.ts'
import { EXIT, sentencesOf } from './exit-codes.ts'
import { rounded } from './instant.ts'
import { SERVES, serveHere, USUAL_ADDRESS } from './serve.ts'
import type { SettingName, Settings } from './settings.ts'
import { signals } from './signals.ts'

const USES: readonly SettingName[] = ['nodes', 'port', 'data', 'timezone', 'stopTimeout', ...SERVES]
/** How long nodes may take to end when their MongoDB is gone. */
const LEAVE_MS = 5_000
/** Each run shows when it ends, and what failed once shows when it fails for long; the rest is for the curious. */
const isSaid = (event: TidewheelEvent) => levelOf(event) !== 'debug' && event.type !== 'stream.opened'

export const devCommand = () =>
  withExample(
    addSettings(
      new Command('dev').description('try it: a MongoDB that keeps its data, nodes, and sample jobs, until Ctrl-C'),
      USES,
    ),
    ['tidewheel dev --nodes 2'],
  ).action(
    run(USES, async call => {
      const { first, close } = signals()
      const server = await devServer(call)
      const nodes = ipsOf(call.settings).map(ip => nodeOf(ip, server, call))
      let page: Served | undefined
      try {
        const { uri, db } = server
        await using client = await connect({ uri, db, connectTimeout: call.settings.connectTimeout })
        page = await open(client, nodes, call)
        await begin(nodes, client, { server, page, call })
        await Promise.race([first, server.died])
        call.out.note('Ending: runs that go on are waited for. Once more ends at once.')
      } finally {
        await page?.close()
        await end(nodes, server, call)
        close()
      }
    }),
  )

const ipsOf = ({ nodes }: Settings) => Array.from({ length: nodes }, (_, index) => `127.0.0.${index + 1}`)

function nodeOf(ip: string, { uri, db }: DevServer, { settings, out }: Call): TidewheelNode {
  const { connectTimeout, timezone, verbose = false } = settings
  const node = createNode({
    uri,
    db,
    ip,
    tasks: SAMPLE_TASKS,
    connectTimeout,
    ...(timezone && { timezone }),
    logger: false,
  })
  node.events$.subscribe(event => {
    if (verbose || isSaid(event)) out.each(event, devLine(event))
  })
  return node
}

/** API and dashboard, on the usual port or, where that is taken, on the next one. */
async function open(client: Client, [node]: readonly TidewheelNode[], { settings, out }: Call): Promise<Served> {
  const page = await serveHere({ client, ...(node && { node }), logger: false }, settings, { orNext: true })
  if (settings.http === undefined && !page.url.includes(USUAL_ADDRESS)) {
    out.note(`${USUAL_ADDRESS} is taken; this one is served at ${page.url}`)
  }
  return page
}

interface Development {
  readonly server: DevServer
  readonly page: Served
  readonly call: Call
}

async function begin(
  nodes: readonly TidewheelNode[],
  client: Client,
  { server, page, call: { settings, out } }: Development,
): Promise<void> {
  const ips = ipsOf(settings)
  for (const warning of await client.init()) out.note(warning)
  let jobs = await present(client)
  if (jobs.length === 0 && nodes.length > 0) {
    for (const job of sampleJobs(ips, systemClock.now())) await client.jobs.add(job)
    jobs = await present(client)
  }
  const lines = [...addresses(page, server, ips), ...(ips.length === 0 ? [] : trials(server, { ips, jobs })), '']
  lines.push(...elsewhere(jobs, ips))
  if (out.json) for (const line of lines) out.note(line)
  else out.result(undefined, lines)
  await Promise.all(nodes.map(node => node.start()))
}

async function end(nodes: readonly TidewheelNode[], server: DevServer, { settings, out }: Call): Promise<void> {
  // Nodes whose MongoDB is gone could wait for it for ever.
  let gone: { unsubscribe(): void } | undefined
  server.died.catch((error: Error) => {
    process.stderr.write(`${sentencesOf(error, false).join('\n')}\n`)
    gone = systemClock.schedule(() => process.exit(EXIT.unreachable), LEAVE_MS)
  })
  await endNodes(nodes, settings.stopTimeout, out)
  await server.stop()
  gone?.unsubscribe()
}

async function present(client: Client): Promise<readonly Job[]> {
  const jobs: Job[] = []
  for await (const job of client.jobs.list()) jobs.push(job)
  return jobs
}

function devLine(event: TidewheelEvent): string {
  if (event.type !== 'run.executed') return lineOf(event)
  const { at, node, job_id, run_time, duration } = event
  return `${clockTime(at)}  ${node}  executed  ${job_id}  due ${clockTime(run_time)}  took ${rounded(duration)} ms`
}

interface Present {
  readonly ips: readonly string[]
  readonly jobs: readonly Job[]
}

/** What to read first: where the dashboard and the database are. */
function addresses(page: Served, { uri, db, where }: DevServer, ips: readonly string[]): readonly string[] {
  const nodes = ips.length === 0 ? 'no node' : `${ips.length === 1 ? 'node' : 'nodes'} ${ips.join(', ')}`
  return [`Tidewheel for development: ${page.url}`, `${where}, database ${db}, ${nodes}`, `  ${redacted(uri)}`]
}

/** Lines that each show something at once, with the jobs there are. */
function trials({ uri }: DevServer, { ips, jobs }: Present): readonly string[] {
  const shell = (line: string) => `  mongosh '${redacted(uri)}' --quiet --eval '${line}'`
  const one = (id: string, update: string) => shell(`db.jobs.updateOne({_id: "${id}"}, ${update})`)
  const [first = ''] = ips
  const lively = jobs.find(job => job._id === 'hello') ?? jobs[0]
  const calm = jobs.find(job => job._id === 'report') ?? lively
  const other = ips.find(ip => ip !== lively?.ip)
  const mine = freeId('mine', jobs)
  return [
    '',
    'Jobs are documents. Paste one of these lines into another terminal and watch this one:',
    '',
    ...(calm ? ['run a job now', one(calm._id, '{$set: {next_run_time: new Date()}}')] : []),
    ...(lively && other && ips.length > 1
      ? [`move a job from ${lively.ip ?? 'anywhere'} to ${other}`, one(lively._id, `{$set: {ip: "${other}"}}`)]
      : []),
    ...(lively
      ? [
          'pause a job, and resume it',
          one(lively._id, '{$set: {next_run_time: null}}'),
          one(lively._id, '{$unset: {next_run_time: ""}}'),
        ]
      : []),
    'add a job',
    shell(
      `db.jobs.insertOne({_id: "${mine}", func: "sample:hello", args: ["you"], trigger: {type: "interval", seconds: 5}, ip: "${first}"})`,
    ),
    ...(ips.length === 1 ? ['start two nodes, to move jobs between them', '  npm start -- --nodes 2'] : []),
  ]
}

function freeId(wanted: string, jobs: readonly Job[]): string {
  const taken = new Set(jobs.map(job => job._id))
  let id = wanted
  for (let n = 2; taken.has(id); n++) id = `${wanted}-${n}`
  return id
}

/** Jobs of an earlier start with more nodes. */
function elsewhere(jobs: readonly Job[], ips: readonly string[]): readonly string[] {
  const others = jobs.filter(job => typeof job.ip === 'string' && !ips.includes(job.ip))
  if (others.length === 0 || ips.length === 0) return []
  const where = [...new Set(others.map(job => job.ip))].join(', ')
  return [
    `${others.length} of the jobs wait for ${where}, not started this time: ${others.map(job => job._id).join(', ')}`,
    '',
  ]
}
