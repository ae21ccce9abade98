/** How a run ends when it is aborted: by itself, left behind, or killed by its executor. */
import { expect, test } from 'vitest'
import type { Executor } from '../../src/executor/executor.ts'
import { runLog } from '../../src/executor/run-log.ts'
import type { Outcome } from '../../src/job/outcome.ts'
import { jsonLogger, runLogger } from '../../src/log.ts'
import { Instants } from '../../src/run/instants.ts'
import { perform, startOf } from '../../src/run/run.ts'
import { aBook, aClaim, nothingTakenBack, thePlaces } from '../support/claims.ts'
import { FakeClock } from '../support/clock.ts'
import { aJob } from '../support/jobs.ts'

/** A job with a timeout of 10 s that `executor` performs; what it ends with, once it does. */
function going(executor: Pick<Executor, 'perform' | 'kills'>, held: (clock: FakeClock) => boolean = () => true) {
  const clock = new FakeClock()
  const claim = aClaim({}, { job: aJob({ timeout: 10 }), at: clock.now() })
  const book = aBook()
  const performing = {
    clock,
    instants: new Instants(clock),
    executor: { places: 1, problem: () => undefined, close: async () => {}, ...executor },
    book,
    places: thePlaces(),
    signal: book.enter(claim),
    lease: { held: () => held(clock) },
    takeBack: nothingTakenBack,
  }
  const log = runLog(keep => runLogger(jsonLogger({ level: 'silent' }), {}, keep))
  let outcome: Outcome | undefined
  void (async () => {
    const started = await startOf(claim, performing)
    outcome = 'status' in started ? started : await perform(claim, started, log, performing)
  })()
  return { clock, outcome: () => outcome }
}

const TIMEOUT = { status: 'timeout', error: { name: 'Timeout', message: 'ran longer than its timeout of 10 s' } }
const never = () => new Promise<never>(() => {})

test('a function that does not listen is left behind 5 s after its timeout', async () => {
  const { clock, outcome } = going({ perform: never })
  // It may have to give way before it starts.
  await clock.advanceAsync(0)
  await clock.advanceAsync(14_999)
  expect(outcome()).toBeUndefined()
  await clock.advanceAsync(1)
  expect(outcome()).toMatchObject(TIMEOUT)
})

test('a run that its executor will kill has not ended before it is dead', async () => {
  let die = () => {}
  const { clock, outcome } = going({
    kills: true,
    perform: () => new Promise((_, reject) => (die = reject as () => void)),
  })
  await clock.advanceAsync(60_000)
  expect(outcome()).toBeUndefined()
  die()
  await clock.advanceAsync(0)
  expect(outcome()).toMatchObject(TIMEOUT)
})

test('a run that finds its lease lost after its process was stopped says when that was', async () => {
  const stopped = (clock: FakeClock) => {
    clock.advance(15_000)
    return false
  }
  const { clock, outcome } = going({ perform: () => expect.fail('performed') }, stopped)
  const due = clock.now()
  await clock.advanceAsync(0)
  expect(outcome()).toMatchObject({ status: 'interrupted', error: { name: 'LeaseLost' }, late: 15_000 })
  expect(outcome()?.finished.getTime()).toBe(due + 15_000)
})

test.each([null, undefined, 7n, { toJSON: () => expect.fail('no JSON') }, Object.create(null)])(
  'a function may throw anything, and its run ends',
  async thrown => {
    const { clock, outcome } = going({ perform: () => Promise.reject(thrown) })
    await clock.advanceAsync(0)
    expect(outcome()).toMatchObject({ status: 'error', error: { name: 'Error', message: expect.any(String) } })
  },
)
