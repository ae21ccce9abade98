/** Runs as spans of OpenTelemetry: what they say, for each end; and that nothing changes where there is none. */
import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { context, trace } from '@opentelemetry/api'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Executor } from '../../src/executor/executor.ts'
import { inProcess } from '../../src/executor/in-process.ts'
import { runLog } from '../../src/executor/run-log.ts'
import { Scripts } from '../../src/executor/script.ts'
import { Tasks } from '../../src/executor/tasks.ts'
import { Workspace } from '../../src/executor/workspace.ts'
import type { Outcome } from '../../src/job/outcome.ts'
import { jsonLogger, runLogger } from '../../src/log.ts'
import { Instants } from '../../src/run/instants.ts'
import { perform, startOf } from '../../src/run/run.ts'
import { loadTracing } from '../../src/tracing.ts'
import { folderOf, trial } from '../executor/executor-suite.ts'
import { aBook, aClaim, nothingTakenBack, thePlaces } from '../support/claims.ts'
import { built } from '../support/cli.ts'
import { FakeClock } from '../support/clock.ts'
import { aJob } from '../support/jobs.ts'
import { recordSpans } from '../support/spans.ts'

beforeAll(() => loadTracing())

const LATE_MS = 250

/** The second attempt of `mail:digest`, 250 ms late, with a timeout of 10 s. */
function going(performed: Executor['perform']) {
  const clock = new FakeClock()
  const job = aJob({ _id: 'digest', func: 'mail:digest', timeout: 10 })
  const claim = aClaim(
    { run_id: 'r1', job: 'digest', node: '10.0.0.7', attempt: 2 },
    { job, at: clock.now() - LATE_MS },
  )
  const book = aBook()
  const executor: Executor = { places: 1, problem: () => undefined, close: async () => {}, perform: performed }
  const performing = {
    clock,
    instants: new Instants(clock),
    executor,
    book,
    places: thePlaces(),
    signal: book.enter(claim),
    lease: { held: () => true },
    takeBack: nothingTakenBack,
  }
  const log = runLog(keep => runLogger(jsonLogger({ level: 'silent' }), {}, keep))
  const outcome = (async (): Promise<Outcome> => {
    const started = await startOf(claim, performing)
    return 'status' in started ? started : await perform(claim, started, log, performing)
  })()
  return { clock, book, outcome }
}

const SAID = {
  'tidewheel.job.id': 'digest',
  'tidewheel.run.id': 'r1',
  'tidewheel.run.attempt': 2,
  'tidewheel.run.late_ms': LATE_MS,
  'tidewheel.node.ip': '10.0.0.7',
}
const UNSET = 0
const ERROR = 2
const untilAborted: Executor['perform'] = run =>
  new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason)))

test('a run that ends well is a span with job, node, attempt, lateness and outcome', async () => {
  const spans = recordSpans()
  expect(await going(async () => 7).outcome).toMatchObject({ status: 'executed', result: 7 })
  expect(spans).toMatchObject([
    { name: 'run mail:digest', ended: true, parent: undefined, status: { code: UNSET }, exceptions: [] },
  ])
  expect(spans[0]?.attributes).toEqual({ ...SAID, 'tidewheel.run.outcome': 'executed' })
})

test('one that fails has the status of an error, and the exception', async () => {
  const spans = recordSpans()
  const { outcome } = going(() => Promise.reject(new RangeError('out of paper')))
  expect(await outcome).toMatchObject({ status: 'error' })
  expect(spans).toMatchObject([
    {
      attributes: { ...SAID, 'tidewheel.run.outcome': 'error', 'error.type': 'RangeError' },
      status: { code: ERROR, message: 'out of paper' },
      exceptions: [{ name: 'RangeError', message: 'out of paper', stack: expect.stringContaining('tracing.test') }],
      ended: true,
    },
  ])
})

test('one that takes too long is an error, too', async () => {
  const spans = recordSpans()
  const { clock, outcome } = going(untilAborted)
  // It may have to give way before it starts.
  await clock.advanceAsync(0)
  await clock.advanceAsync(10_000)
  expect(await outcome).toMatchObject({ status: 'timeout' })
  const message = 'ran longer than its timeout of 10 s'
  expect(spans).toMatchObject([
    {
      attributes: { 'tidewheel.run.outcome': 'timeout', 'error.type': 'Timeout' },
      status: { code: ERROR, message },
      exceptions: [{ name: 'Timeout', message }],
      ended: true,
    },
  ])
})

test('one that is cancelled is none', async () => {
  const spans = recordSpans()
  const { clock, book, outcome } = going(untilAborted)
  await clock.advanceAsync(0)
  book.abort('r1', { status: 'cancelled', message: 'by request' })
  expect(await outcome).toMatchObject({ status: 'cancelled' })
  expect(spans).toMatchObject([
    { attributes: { 'tidewheel.run.outcome': 'cancelled' }, status: { code: UNSET }, exceptions: [], ended: true },
  ])
  expect(spans[0]?.attributes).not.toHaveProperty('error.type')
})

test("within a task its run's span is active, so that its own are below it, and of runs that go on at once each has its own", async () => {
  const spans = recordSpans()
  const tasks = new Tasks()
  tasks.add('mail:digest', async run => {
    await new Promise(resolve => setImmediate(resolve))
    trace.getTracer('mail').startSpan(`print ${run.attempt}`).end()
    return trace.getActiveSpan()?.spanContext().spanId
  })
  const { perform } = inProcess(tasks, 2)
  const ended = await Promise.all([going(perform), going(perform)].map(({ outcome }) => outcome))
  const [first, second, ...own] = spans
  expect(ended.map(({ result }) => result)).toEqual([first?.id.spanId, second?.id.spanId])
  expect(own.map(({ parent }) => parent)).toEqual([first?.id.spanId, second?.id.spanId])
  expect(first?.id.traceId).not.toBe(second?.id.traceId)
  expect(trace.getActiveSpan()).toBeUndefined()
})

test('a run begins a trace of its own, whatever went on where its node was started', async () => {
  const spans = recordSpans()
  const request = trace.getTracer('app').startSpan('GET /')
  await context.with(trace.setSpan(context.active(), request), () => going(async () => 7).outcome)
  const [outer, run] = spans
  expect([run?.name, run?.parent]).toEqual(['run mail:digest', undefined])
  expect(run?.id.traceId).not.toBe(outer?.id.traceId)
})

test('a script is told its trace in TRACEPARENT', async () => {
  const spans = recordSpans()
  const scripts = new Scripts({
    workspace: new Workspace(folderOf({ 'a.sh': 'echo "\\"$TRACEPARENT\\""' })),
    concurrency: 1,
  })
  onTestFinished(() => scripts.close())
  const { run } = trial('a.sh')
  expect(await going(() => scripts.perform(run)).outcome).toMatchObject({
    result: `00-${'1'.padStart(32, '0')}-${'1'.padStart(16, '0')}-01`,
  })
  expect(spans).toHaveLength(1)
})

test('what is broken in an SDK breaks no run', async () => {
  const broken = () => expect.fail('broken')
  for (const startSpan of [broken, () => new Proxy({} as never, { get: broken })]) {
    trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan, startActiveSpan: broken }) })
    expect(await going(async () => 7).outcome).toMatchObject({ status: 'executed', result: 7 })
    trace.disable()
  }
  const unbroken = () => manager
  const manager = { active: broken, with: broken, bind: broken, enable: unbroken, disable: unbroken }
  context.setGlobalContextManager(manager)
  onTestFinished(() => void context.disable())
  expect(await going(async () => 8).outcome).toMatchObject({ status: 'executed', result: 8 })
})

test('without a provider a run ends as ever, and no span is made', async () => {
  const { outcome } = going(async () => [trace.getActiveSpan()?.isRecording() ?? false])
  expect(await outcome).toMatchObject({ status: 'executed', result: [false] })
})

test('where the API is not installed the work is done all the same', () => {
  const folder = folderOf({ 'package.json': '{"type": "module"}' })
  for (const file of ['tracing.js', 'version.js']) copyFileSync(path.join(built(), file), path.join(folder, file))
  const program = `import { loadTracing, traced, traceVariables } from './tracing.js'
    await loadTracing()
    const unasked = () => { throw new Error('asked') }
    console.log(JSON.stringify([await traced(unasked, async () => 7, unasked), traceVariables()]))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
    encoding: 'utf8',
  })
  expect([stdout, stderr]).toEqual(['[7,{}]\n', ''])
})
