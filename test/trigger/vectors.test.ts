/** The reference's own answers: every line of test/vectors is one case, and a failing one is named by its id.
 *  Cases marked optional only have to end, with an answer or a TidewheelError. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { dueRuns } from '../../src/claim/due.ts'
import { TidewheelError } from '../../src/errors.ts'
import { fireTimes, nextFireTime, parseTrigger, type Trigger } from '../../src/trigger/trigger.ts'

interface Case {
  readonly id: string
  readonly trigger: Trigger
  readonly now: string
  readonly previous: string | null
  readonly fires?: readonly string[]
  readonly once?: readonly string[]
  readonly ideal?: readonly string[]
  readonly dst?: boolean
  readonly known_bad?: readonly string[]
  readonly error?: boolean
  readonly optional?: string
}

const lines = <T>(name: string): readonly T[] =>
  readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as T)

const cases = [...lines<Case>('triggers.jsonl'), ...lines<Case>('crontab.jsonl')]

/** Cuba keeps summer time through the winter of 2026; a runtime whose zone data are older cannot know. */
const knowsCuba = new Intl.DateTimeFormat('en', { timeZone: 'America/Havana', hour: 'numeric', hourCycle: 'h23' })
  .format(Date.UTC(2027, 0, 1, 5))
  .startsWith('01')

/** Cases that need younger zone data than this runtime has. */
const beyond = knowsCuba ? [] : ['cron-tz-003']

/** What is right: the plain reading where the reference is known to err, its own answer elsewhere. */
const expected = (c: Case) => (c.dst ? (c.once ?? c.fires) : c.known_bad ? c.ideal : c.fires)

/** As many instants as the case lists: each is the previous and the now of the next. */
function chain(c: Case): string[] {
  const trigger = parseTrigger(c.trigger)
  const times: string[] = []
  let [previous, now] = [c.previous === null ? null : new Date(c.previous), new Date(c.now)]
  while (times.length < 10) {
    const next = nextFireTime(trigger, previous, now)
    if (next === null) break
    times.push(next.toISOString())
    previous = now = next
  }
  return times
}

function answer(c: Case): string[] | 'error' {
  try {
    return chain(c)
  } catch (error) {
    expect(error).toBeInstanceOf(TidewheelError)
    expect((error as TidewheelError).code).toBe('invalid_trigger')
    return 'error'
  }
}

describe('triggers answer as the reference does', () => {
  it.for(cases.filter(c => c.optional === undefined))('$id', (c, { skip }) => {
    skip(beyond.includes(c.id), 'the zone data of this runtime are older than the case')
    expect(answer(c)).toEqual(c.error ? 'error' : expected(c))
    if (!c.error && c.previous === null)
      expect(fireTimes(c.trigger, { after: new Date(c.now) }).map(date => date.toISOString())).toEqual(expected(c))
  })

  it.each(cases.filter(c => c.optional !== undefined))('$id ends', c => {
    expect(answer(c)).toBeDefined()
  })
})

interface Misfire {
  readonly id: string
  readonly trigger: Trigger
  readonly next_run_time: string | null
  readonly now: string
  readonly run_at?: string
  readonly misfire_grace_time: number | null
  readonly coalesce: boolean
  readonly running: number
  readonly max_instances: number
  readonly skipped: readonly string[]
  readonly submitted: readonly string[]
  readonly executed: readonly string[]
  readonly missed: readonly string[]
  readonly new_next_run_time: string | null
}

describe('due runs are those of the reference', () => {
  it.each(lines<Misfire>('misfires.jsonl').filter(c => c.running > 0))('$id, beside runs that go on', c => {
    const job = { ...c, next_run_time: c.next_run_time === null ? null : new Date(c.next_run_time) }
    const { run, missed, next } = dueRuns(job, new Date(c.now))
    const due = [...missed, ...run].map(date => date.toISOString())
    const full = c.running >= c.max_instances
    expect(next?.toISOString() ?? null).toBe(c.new_next_run_time)
    // Without coalescing all of them are skipped, one claim after the other; with it the one they became.
    expect(due).toEqual(full ? c.skipped : c.submitted)
  })

  it.each(lines<Misfire>('misfires.jsonl').filter(c => c.running === 0))('$id', c => {
    const job = { ...c, next_run_time: c.next_run_time === null ? null : new Date(c.next_run_time) }
    const text = (dates: readonly Date[]) => dates.map(date => date.toISOString())
    const { run, missed, next } = dueRuns(job, new Date(c.now))
    expect(next?.toISOString() ?? null).toBe(c.new_next_run_time)
    expect([...text(missed), ...text(run)]).toEqual(c.submitted)
    // A worker that starts later looks at the lateness of the same times again.
    const start = Date.parse(c.run_at ?? c.now)
    const late = (date: Date) => c.misfire_grace_time !== null && start - date.getTime() > c.misfire_grace_time * 1000
    expect(text(run.filter(date => !late(date)))).toEqual(c.executed)
    expect(text([...missed, ...run.filter(late)])).toEqual(c.missed)
  })
})
