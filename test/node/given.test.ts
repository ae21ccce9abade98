/** What people hand to a node's own methods by mistake: a sentence each, before anything is connected to. */
import { expect, test } from 'vitest'
import { createNode, schedule$ } from '../../src/node/node.ts'
import { createTestNode } from '../../src/testing.ts'

const uri = 'mongodb://127.0.0.1:1/tidewheel'
const bare = Object.create(null)
type Method = (...given: readonly unknown[]) => Promise<unknown>
/** As a program without types would call it. */
const node = () => createNode({ uri, logger: false }) as unknown as Record<string, Method>
const testNode = createTestNode as unknown as Method
/** The error of a stream; it ends with one at once. */
const failure = (stream: unknown) =>
  new Promise((_, reject) => (stream as ReturnType<typeof schedule$>).subscribe({ error: reject }))

test.each<[call: () => unknown, sentence: string]>([
  [() => node().start?.(null), 'node.start: options: expected an object, such as {paused: true}; found null'],
  [() => node().start?.({ pausd: true }), 'node.start: pausd: there is no such option; did you mean paused?'],
  [() => node().start?.({ paused: 'yes' }), 'node.start: paused: expected true or false; found "yes"'],
  [() => node().stop?.(null), 'node.stop: options: expected an object, such as {timeout: 30000}; found null'],
  [() => node().stop?.({ wait: 0 }), 'node.stop: wait: expected true or false; found 0'],
  [() => node().stop?.({ timout: 5 }), 'node.stop: timout: there is no such option; did you mean timeout?'],
  [
    () => node().stop?.({ timeout: '5s' }),
    'node.stop: timeout: expected milliseconds from 0, such as 30000; found "5s"',
  ],
  [() => node().close?.(5_000), 'node.close: options: expected an object, such as {timeout: 30000}; found 5000'],
  [() => node().close?.({ timeout: -1 }), 'node.close: timeout: expected milliseconds from 0, such as 30000; found -1'],
  [() => node().task?.('', () => 1), 'task: name: expected text, such as mail:digest; found ""'],
  [() => node().task?.(bare, () => 1), 'task: name: expected text, such as mail:digest; found an object'],
  [() => node().task?.('mail', 'mail.js'), 'task mail: expected a function, found "mail.js"'],
  [() => failure(node().runs$?.(Symbol('x'))), 'task: name: expected text, such as mail:digest; found a symbol'],
  [
    () => failure(schedule$({ uri, taks: {} } as never)),
    'taks: there is no such option of createNode; did you mean tasks?',
  ],
  [() => testNode(null), "options: expected an object such as {at: '2027-03-28T08:00', tasks}, found null"],
  [() => testNode(5), "options: expected an object such as {at: '2027-03-28T08:00', tasks}, found 5"],
  [() => testNode({ at: null }), 'at: expected a date, or text such as 2027-03-28T08:00, found null'],
  [() => testNode({ at: bare }), 'at: expected a date, or text such as 2027-03-28T08:00, found an object'],
  [() => testNode({ timezone: 'Mars' }), 'timezone: expected a time zone such as Europe/Berlin or UTC, found "Mars"'],
  [() => testNode({ clock: {} }), 'clock: expected none: it has its own, which advanceTo moves, found an object'],
  [() => testNode({ jobs: {} }), 'jobs: expected a list of jobs, found an object'],
  [() => testNode({ taks: {} }), 'taks: there is no such option of createNode; did you mean tasks?'],
])('%s', async (call, sentence) => {
  const thrown = await (async () => await call())().then(
    () => 'accepted',
    (error: unknown) => error,
  )
  expect(thrown).toMatchObject({ name: 'TidewheelError', code: 'invalid_option', message: sentence })
})
