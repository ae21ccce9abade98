/** For tests of one's own (`tidewheel/testing`): a node whose time is moved by hand, and the clock that it goes by.
 *  `createTestNode` starts a node on a database of its own, on which jobs run when `advanceTo` reaches their times, one after the other.
 *  Due times and timeouts go by that clock; leases, heartbeats and what a task itself waits for go by the machine's. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ObjectId } from 'mongodb'
import { givenFields, givenSpan } from './client/given.ts'
import { monotonicNow, systemClock, wait } from './clock.ts'
import { openDatabase } from './database/database.ts'
import { findMongod } from './dev/find-mongod.ts'
import { startMongod } from './dev/mongod.ts'
import { TidewheelError } from './errors.ts'
import { FakeClock, settled } from './fake-clock.ts'
import { Node, type TidewheelNode } from './node/node.ts'
import { checkOptions, type NodeOptions } from './node/options.ts'
import { expected, found, isRecord, refused } from './options/option.ts'
import { fireTimes } from './trigger/trigger.ts'

export { FakeClock, type FakeClockOptions } from './fake-clock.ts'

/** What `createTestNode` takes: the options of a node, and the time at which it begins. Default of `ip`: `test`. */
export interface TestNodeOptions extends Omit<NodeOptions, 'clock'> {
  /** The time at first: a date, or text such as `2027-03-27T08:00`, in the node's `timezone` where it names none. Default: now. */
  readonly at?: Date | string
}

/** A started node whose time is moved by hand. Closing it removes its database. */
export interface TestNode extends TidewheelNode {
  /** Its time. */
  now(): Date
  /** Moves its time there. Resolves when everything that was due until then has run, each at its time and what follows from it too, and
   *  is stored. A text without an offset is in the node's `timezone`. Rejects with `timeout` when nothing goes on for so many ms of real
   *  time (default 10000), and with `invalid_option` for a time that lies before `now()`. */
  advanceTo(at: Date | string, options?: { readonly timeout?: number }): Promise<void>
}

/** Starts a node for a test: on a database of its own, at the server of `uri`, else of MONGODB_URI, else on a MongoDB that is started for
 *  it and ends with it. Its leases and heartbeats go by the machine's clock, so that months may pass in a moment.
 *  Throws what `createNode` and `start` throw. */
export async function createTestNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const { at = new Date(systemClock.now()), ...given } = checked(options)
  const start = instantOf(at, 'at', given.timezone)
  const server = given.client === undefined && given.uri === undefined ? await aServer() : undefined
  const db = given.db ?? `tidewheel_test_${new ObjectId().toHexString()}`
  try {
    const where = { ...given, ...(server && { uri: server.uri }), db }
    const clock = new HandClock({ start })
    const node = new HandNode(
      { ip: 'test', claimLead: 0, historyTtl: FOR_EVER_MS, ...where, clock },
      clock,
      async () => {
        if (given.db === undefined) await dropDatabase(where)
        await server?.stop()
      },
    )
    await node.start().catch(async error => {
      await node.close()
      throw error
    })
    return node
  } catch (error) {
    await server?.stop()
    throw error
  }
}

/** Before anything is started. */
function checked(options: TestNodeOptions): TestNodeOptions {
  if (!isRecord(options))
    throw refused(expected('options', "an object such as {at: '2027-03-28T08:00', tasks}", found(options)))
  const { at: _, clock, ...given }: TestNodeOptions & { readonly clock?: unknown } = options
  if (clock !== undefined) throw refused(expected('clock', 'none: it has its own, which advanceTo moves', found(clock)))
  const hasServer = given.uri !== undefined || given.client !== undefined
  checkOptions(hasServer ? given : { ...given, uri: 'mongodb://127.0.0.1' })
  return options
}

/** History is not aged by a clock that may stand in the past. */
const FOR_EVER_MS = (2 ** 31 - 1) * 1_000
/** How long to wait between two looks whether all is done. */
const LOOK_MS = 5
const PATIENCE_MS = 10_000

class HandClock extends FakeClock {
  readonly heartbeats = systemClock
}

class HandNode extends Node implements TestNode {
  readonly #clock: HandClock
  readonly #timezone: string | undefined
  readonly #after: () => Promise<void>
  #closed = false

  constructor(options: NodeOptions, clock: HandClock, after: () => Promise<void>) {
    super(checkOptions(options), options.timezone)
    this.#clock = clock
    this.#timezone = options.timezone
    this.#after = after
  }

  now(): Date {
    return new Date(this.#clock.now())
  }

  async advanceTo(at: Date | string, options?: { readonly timeout?: number }): Promise<void> {
    if (this.#closed) throw new TidewheelError('closed', 'the node is closed; create a new one')
    const given = givenFields(options, 'advanceTo', ['timeout'], ', such as {timeout: 60000}')
    const timeout = givenSpan(given.timeout, 'advanceTo', 'timeout') ?? PATIENCE_MS
    const end = instantOf(at, 'at', this.#timezone)
    const clock = this.#clock
    if (end < clock.now())
      throw refused(expected('at', `a time from ${this.now().toISOString()} on`, new Date(end).toISOString()))
    await this.#settled(timeout)
    for (;;) {
      const next = this.status().state === 'active' ? (this.stages?.nextAt ?? null) : null
      if (next === null || next > end || clock.now() === end) break
      // The wheel looks in coarse steps at what is far away, and never twice at one instant.
      clock.leap(Math.min(end, Math.max(next, clock.now() + 1)) - clock.now())
      await this.#settled(timeout)
    }
    clock.leap(end - clock.now())
    await this.#settled(timeout)
  }

  override async close(options?: { readonly timeout?: number }): Promise<void> {
    await super.close(options)
    if (this.#closed) return
    this.#closed = true
    await this.#after()
  }

  async #settled(timeout: number): Promise<void> {
    const began = monotonicNow(systemClock)
    for (;;) {
      await settled()
      const open = await this.stages?.unsettled(this.#clock.now())
      if (open === undefined) return
      if (monotonicNow(systemClock) - began > timeout) {
        const message = `advanceTo: at ${this.now().toISOString()}, and ${timeout} ms of real time later: ${open}`
        throw new TidewheelError('timeout', message)
      }
      await wait(LOOK_MS)
    }
  }
}

/** A server that is there, or one that is started and ends with its `stop`. */
async function aServer(): Promise<{ readonly uri: string; stop(): Promise<void> }> {
  const found = await findMongod()
  if (found.kind === 'server') return { uri: found.uri, stop: async () => {} }
  const dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-test-'))
  const mongod = await startMongod({ dataDir, binary: found.path })
  const stop = async () => {
    await mongod.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  return { uri: mongod.uri, stop }
}

async function dropDatabase(where: NodeOptions): Promise<void> {
  const { uri, client, db, connectTimeout } = where
  const { connection } = await openDatabase({
    ...(uri !== undefined && { uri }),
    ...(client !== undefined && { client }),
    ...(db !== undefined && { db }),
    ...(connectTimeout !== undefined && { connectTimeout }),
  })
  await connection.db.dropDatabase()
  await connection.close()
}

/** Reads a time as triggers do. */
function instantOf(at: Date | string, path: string, timezone = 'UTC'): number {
  try {
    const [instant] =
      at instanceof Date || typeof at === 'string'
        ? fireTimes({ type: 'date', run_date: at, timezone }, { after: new Date(-8.64e15), count: 1 })
        : []
    if (instant !== undefined) return instant.getTime()
  } catch (error) {
    if (!(error instanceof TidewheelError)) throw error
  }
  throw refused(expected(path, 'a date, or text such as 2027-03-28T08:00', found(at)))
}
