/** The roster against what it promises: the same change twice is harmless, the documents decide and not the way they came,
 *  and an entry is handed out when it is due, once, and only where there is room for it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Change } from '../../src/change/change.ts'
import { readUpdate } from '../../src/change/filter.ts'
import type { Job } from '../../src/job/job.ts'
import type { Trigger } from '../../src/trigger/trigger.ts'
import { type Effect, placeOf } from '../../src/wheel/entry.ts'
import { Roster } from '../../src/wheel/roster.ts'
import { aJob, anEntry, leadOf } from '../support/jobs.ts'

const NOW = Date.UTC(2026, 0, 1)
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const MINE = 'mine'

const plenty = () => 100
const OPTIONS = {
  ip: MINE,
  timezone: 'UTC',
  check: (job: Job) => (job.func === 'unknown' ? [{ path: 'func', message: 'func: unknown' }] : []),
  now: NOW,
}
const roster = (lead = 0): Roster => new Roster({ ...OPTIONS, lead: leadOf(lead) })
const put = (job: Job, from: Extract<Change, { type: 'put' }>['from'] = 'read'): Change => ({ type: 'put', job, from })
const mine = (fields: Partial<Job> = {}) => aJob({ ip: MINE, ...fields })
const set = (id: string, next_run_time: Date | null | undefined): Change => ({
  type: 'set',
  id,
  armed: true,
  next_run_time,
  read: false,
})
const types = (effects: readonly Effect[]) =>
  effects.map(effect => (effect.type === 'news' ? effect.news.type : effect.type))
/** All that memory says of its jobs, without what merely counts; of an invalid one only what is wrong. */
function memoryOf(of: Roster): unknown {
  const entries = [...of.entries()].map(entry => {
    const { version, seen, edited, notBefore, bornAt, changedAt, trigger, ...rest } = entry
    const { id, state, problems, stored, unwritten } = rest
    return state === 'invalid' ? { id, state, problems, stored, unwritten } : { ...rest, trigger: trigger?.key }
  })
  const due = of.takeDue(NOW + 1_000 * HOUR, plenty).map(entry => entry.id)
  return { armed: of.armed, due: due.sort(), entries: entries.sort((a, b) => (a.id < b.id ? -1 : 1)) }
}

describe('a change', () => {
  test('puts a job in memory, arms it and asks for its plan to be written', () => {
    const held = roster()
    const job = mine({ trigger: { type: 'interval', hours: 1 } })
    expect(types(held.apply(put(job, 'insert'), NOW))).toEqual(['write', 'job.added', 'seen'])
    expect(held.get(job._id)).toMatchObject({ state: 'armed', due: NOW + HOUR, ordered: false })
    expect([held.size, held.armed]).toEqual([1, 1])
    expect(held.nextAt()).toBeGreaterThan(NOW)
    expect(held.nextAt()).toBeLessThanOrEqual(NOW + HOUR)
    expect(held.planOf(job._id)).toMatchObject({
      due: NOW + HOUR,
      stored: undefined,
      trigger: job.trigger,
      error: null,
    })
  })

  test.each([
    ['of another node’s job', put(aJob({ ip: 'other' }))],
    ['of a job without a node', put(aJob())],
    ['that it is gone', { type: 'gone', id: 'none', reason: 'deleted' }],
    ['of its time', set('none', new Date(NOW))],
  ] as const)('about what is not held does nothing: %s', (_, change) => {
    const held = roster()
    expect(held.apply(change as Change, NOW)).toEqual([])
    expect([held.size, held.nextAt()]).toEqual([0, null])
  })

  test('of ip drops the job and tells where it went', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job), NOW)
    const [effect] = held.apply(put({ ...job, ip: 'other' }), NOW)
    expect(effect).toMatchObject({ news: { type: 'job.moved', job_id: job._id, from: MINE, to: 'other' } })
    expect([held.size, held.armed, held.nextAt()]).toEqual([0, 0, null])
  })

  test('of next_run_time alone needs no look at the document', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job), NOW)
    expect(types(held.apply(set(job._id, new Date(NOW + MINUTE)), NOW))).toEqual(['write', 'job.modified'])
    expect(held.get(job._id)).toMatchObject({ due: NOW + MINUTE, ordered: true })
    expect(types(held.apply(set(job._id, null), NOW))).toEqual(['job.paused'])
    expect([held.armed, held.nextAt()]).toEqual([0, null])
    expect(types(held.apply(set(job._id, undefined), NOW))).toEqual(['write', 'job.resumed'])
    expect(held.get(job._id)).toMatchObject({ due: NOW + HOUR, ordered: false })
  })

  test('that sets a time for at once is claimed without a plan being written first', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job), NOW)
    expect(types(held.apply(set(job._id, new Date(NOW)), NOW))).toEqual(['job.modified'])
    expect(held.takeDue(NOW, plenty).map(entry => entry.id)).toEqual([job._id])
  })

  test('of more than the event tells waits for the document, which tells the news', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job), NOW)
    const change: Change = { type: 'set', id: job._id, armed: false, next_run_time: undefined, read: true }
    expect(held.apply(change, NOW)).toEqual([])
    expect(types(held.apply(put({ ...job, func: 'other' }), NOW))).toContain('job.modified')
    expect(types(held.apply(put({ ...job, func: 'other' }), NOW))).not.toContain('job.modified')
  })

  test('of a job that is invalid has the document read again', () => {
    const held = roster()
    const job = mine({ func: 'unknown' })
    expect(types(held.apply(put(job), NOW))).toEqual(['write', 'job.invalid', 'seen'])
    expect(held.planOf(job._id)).toMatchObject({ error: 'func: unknown' })
    expect(held.planOf(job._id)).not.toHaveProperty('due')
    expect(held.apply(set(job._id, new Date(NOW)), NOW)).toEqual([{ type: 'read', id: job._id }])
    expect(held.takeDue(NOW + HOUR, plenty)).toEqual([])
  })

  test('says that an over job may go when nothing runs, and not before', () => {
    const held = roster()
    const state = { over: true, planned: { next_run_time: null, trigger: '1:x' } }
    const job = mine({ next_run_time: null, state } as never)
    const running = { ...job, state: { ...state, running: [anEntry({ job: job._id })] } } as Job
    const fingerprinted = roster()
    fingerprinted.apply(put(mine({ _id: 'x' })), NOW)
    expect(types(held.apply(put(running), NOW))).not.toContain('over')
    const { planned: _, ...rest } = state
    expect(types(held.apply(put({ ...job, state: rest } as Job), NOW))).toContain('over')
    expect(types(held.apply(put({ ...job, run_at: [new Date(NOW)], state: rest } as Job), NOW))).not.toContain('over')
  })

  test('resync: what does not come again is gone', () => {
    const held = roster()
    const [stays, goes] = [mine(), mine()]
    for (const job of [stays, goes]) held.apply(put(job), NOW)
    held.apply({ type: 'resync', reason: 'test' }, NOW)
    held.apply(put(stays, 'snapshot'), NOW)
    const effects = held.apply({ type: 'synced', jobs: 1 }, NOW)
    expect(effects).toMatchObject([{ news: { type: 'job.removed', job_id: goes._id } }])
    expect([...held.entries()].map(entry => entry.id)).toEqual([stays._id])
  })
})

describe('what was written', () => {
  test('stands when nothing came in between', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job), NOW)
    const write = held.planOf(job._id)
    held.wrote(write as never)
    expect(held.get(job._id)).toMatchObject({ stored: NOW + HOUR, planned: NOW + HOUR, unwritten: false })
    expect(held.planOf(job._id)).toBeUndefined()
  })

  test('is out of date after a change', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job), NOW)
    const write = held.planOf(job._id)
    held.apply(set(job._id, new Date(NOW + MINUTE)), NOW)
    held.wrote(write as never)
    expect(held.get(job._id)).toMatchObject({ stored: NOW + MINUTE, unwritten: true })
  })

  test('of a copied document is needed before its first claim', () => {
    const held = roster()
    const job = mine({ next_run_time: new Date(NOW + MINUTE), state: { job: 'another', runs: 7 } } as never)
    held.apply(put(job), NOW)
    expect(held.planOf(job._id)).toMatchObject({ copied: true, due: NOW + MINUTE, ordered: true })
    held.wrote(held.planOf(job._id) as never)
    expect(held.get(job._id)).toMatchObject({ copied: false })
  })
})

describe('takeDue', () => {
  test('hands an entry out when it is due, once, until it is settled', () => {
    const held = roster()
    const job = mine({ next_run_time: new Date(NOW + MINUTE) })
    held.apply(put(job), NOW)
    expect(held.takeDue(NOW + MINUTE - 1, plenty)).toEqual([])
    const [entry] = held.takeDue(NOW + MINUTE, plenty)
    expect(entry).toMatchObject({ id: job._id, place: 'default' })
    expect(held.takeDue(NOW + HOUR, plenty)).toEqual([])
    held.settle(entry as never)
    expect(held.takeDue(NOW + HOUR, plenty)).toHaveLength(1)
  })

  test('hands it out early by the lead, and not before notBefore', () => {
    const held = roster(30)
    const job = mine({ next_run_time: new Date(NOW + MINUTE) })
    held.apply(put(job), NOW)
    expect(held.takeDue(NOW + MINUTE - 31, plenty)).toEqual([])
    const [entry] = held.takeDue(NOW + MINUTE - 30, plenty)
    held.settle(entry as never, NOW + MINUTE + 500)
    expect(held.takeDue(NOW + MINUTE + 499, plenty)).toEqual([])
    expect(held.takeDue(NOW + MINUTE + 500, plenty)).toHaveLength(1)
  })

  test('hands a crowd out the earlier the more are due soon, and what is not due by its schedule alone no earlier', () => {
    const held = new Roster({ ...OPTIONS, lead: { most: 500, single: 10, of: due => Math.min(10 + due, 500) } })
    const crowd = Array.from({ length: 100 }, () => mine({ next_run_time: new Date(NOW + MINUTE) }))
    for (const job of crowd) held.apply(put(job), NOW)
    held.apply(put(mine({ next_run_time: new Date(NOW + MINUTE), run_at: [new Date(NOW + MINUTE)] })), NOW)
    expect(held.takeDue(NOW + MINUTE - 111, plenty)).toEqual([])
    expect(held.nextAt()).toBeLessThanOrEqual(NOW + MINUTE - 110)
    expect(held.takeDue(NOW + MINUTE - 110, plenty)).toHaveLength(100)
    expect(held.takeDue(NOW + MINUTE - 11, plenty)).toEqual([])
    expect(held.takeDue(NOW + MINUTE - 10, plenty)).toHaveLength(1)
  })

  test('gives no more than there are places, longest waiting first, each executor by itself', () => {
    const held = roster()
    const jobs = Array.from({ length: 6 }, (_, i) =>
      mine({ executor: i % 2 === 0 ? 'default' : 'process', next_run_time: new Date(NOW + i) }),
    )
    for (const job of jobs) held.apply(put(job), NOW)
    const ids = jobs.map(job => job._id)
    const places = (executor: string) => (executor === 'default' ? 2 : 1)
    expect(held.takeDue(NOW + HOUR / 2, places).map(entry => entry.id)).toEqual([ids[0], ids[2], ids[1]])
    expect(held.takeDue(NOW + HOUR / 2, places).map(entry => entry.id)).toEqual([ids[4], ids[3]])
  })

  test('an entry that waits for a place and is moved or paused meanwhile is not handed out', () => {
    const held = roster()
    const jobs = [mine({ next_run_time: new Date(NOW) }), mine({ next_run_time: new Date(NOW) })]
    for (const job of jobs) held.apply(put(job), NOW)
    expect(held.takeDue(NOW, () => 0)).toEqual([])
    held.apply({ type: 'gone', id: (jobs[0] as Job)._id, reason: 'moved', to: 'other' }, NOW)
    held.apply(set((jobs[1] as Job)._id, null), NOW)
    expect(held.takeDue(NOW, plenty)).toEqual([])
  })

  test('an entry edited while it is busy is armed as edited when it is settled', () => {
    const held = roster()
    const job = mine({ next_run_time: new Date(NOW) })
    held.apply(put(job), NOW)
    const [entry] = held.takeDue(NOW, plenty)
    held.apply(set(job._id, new Date(NOW + HOUR)), NOW)
    expect(held.nextAt()).toBeNull()
    held.settle(entry as never)
    expect(held.takeDue(NOW + HOUR - 1, plenty)).toEqual([])
    expect(held.takeDue(NOW + HOUR, plenty)).toHaveLength(1)
  })

  test('an entry whose executor is edited while it is busy keeps its place where that was taken', () => {
    const held = roster()
    const job = mine({ next_run_time: new Date(NOW) })
    held.apply(put(job), NOW)
    const [entry] = held.takeDue(NOW, plenty)
    held.apply(put({ ...job, executor: 'other' }), NOW)
    expect(placeOf(entry as never)).toBe('default')
    held.settle(entry as never)
    expect(held.takeDue(NOW, plenty).map(placeOf)).toEqual(['other'])
  })

  test('an entry whose executor is edited while it waits for a place waits for one of the new executor', () => {
    const held = roster()
    const job = mine({ next_run_time: new Date(NOW) })
    held.apply(put(job), NOW)
    expect(held.takeDue(NOW, () => 0)).toEqual([])
    held.apply(put({ ...job, executor: 'other' }), NOW)
    expect(held.takeDue(NOW, executor => (executor === 'default' ? 1 : 0))).toEqual([])
    expect(held.takeDue(NOW, executor => (executor === 'other' ? 1 : 0)).map(placeOf)).toEqual(['other'])
  })

  test('what waits for a run that ends while its claim is under way is claimed again at once', () => {
    const held = roster()
    const job = mine({ state: { waiting: { run_time: new Date(NOW) } } } as never)
    held.apply(put(job), NOW)
    const [entry] = held.takeDue(NOW, plenty)
    held.wake(job._id)
    held.settle(entry as never, NOW + 1_000)
    expect(held.takeDue(NOW, plenty)).toHaveLength(1)
    held.settle(entry as never, NOW + 1_000)
    expect(held.takeDue(NOW, plenty)).toEqual([])
  })

  test('a job deleted while it is busy does not come back when it is settled', () => {
    const held = roster()
    const job = mine({ next_run_time: new Date(NOW) })
    held.apply(put(job), NOW)
    const [entry] = held.takeDue(NOW, plenty)
    held.apply({ type: 'gone', id: job._id, reason: 'deleted' }, NOW)
    held.settle(entry as never)
    expect([held.size, held.nextAt()]).toEqual([0, null])
  })

  test('what was put off for want of room is handed out again once a run of its job has ended', () => {
    const held = roster(100)
    const job = mine({ next_run_time: new Date(NOW + MINUTE) })
    held.apply(put(job), NOW)
    const [entry] = held.takeDue(NOW + MINUTE - 100, plenty)
    held.settle(entry as never, NOW + MINUTE)
    expect(held.takeDue(NOW + MINUTE - 50, plenty)).toEqual([])
    held.wake(job._id)
    expect(held.takeDue(NOW + MINUTE - 50, plenty)).toHaveLength(1)
  })

  test('extra runs wake a paused job', () => {
    const held = roster()
    const job = mine({ next_run_time: null, run_at: [new Date(NOW + HOUR), new Date(NOW + MINUTE)] })
    held.apply(put(job), NOW)
    expect(held.takeDue(NOW + MINUTE - 1, plenty)).toEqual([])
    expect(held.takeDue(NOW + MINUTE, plenty)).toHaveLength(1)
  })

  test('an overdue time that the history calls claimed is not handed out again before the document was read', () => {
    const held = roster()
    const next_run_time = new Date(NOW - MINUTE)
    const job = mine({ next_run_time, state: { planned: { next_run_time, trigger: 'of another version' } } } as never)
    held.apply(put(job, 'insert'), NOW)
    const [entry] = held.takeDue(NOW, plenty)
    expect(entry).toMatchObject({ unproven: true, due: next_run_time.getTime() })
    if (entry === undefined) return
    held.proven(entry, next_run_time)
    held.settle(entry)
    expect([held.takeDue(NOW, plenty), held.nextAt()]).toEqual([[], null])
    held.apply(put(job), NOW)
    expect(held.get(job._id)?.due).toBeGreaterThan(NOW - MINUTE)
  })

  test('a queued run, or an extra one, of a job that is invalid waits until it is mended', () => {
    const held = roster()
    const job = mine({ run_at: [new Date(NOW)], state: { waiting: { run_time: new Date(NOW) } } } as never)
    held.apply(put({ ...job, func: 'unknown' }), NOW)
    expect([held.takeDue(NOW, plenty), held.nextAt()]).toEqual([[], null])
    held.apply(put(job), NOW)
    expect(held.takeDue(NOW, plenty)).toHaveLength(1)
  })
})

describe('of any changes', () => {
  const ids = ['a', 'b', 'c', 'd']
  const trigger = fc.constantFrom<Trigger>(
    { type: 'interval', hours: 1 },
    { type: 'interval', hours: 2, jitter: 60 },
    { type: 'cron', minute: 30 },
    { type: 'cron', hour: 25 },
    { type: 'date', run_date: new Date(NOW + HOUR) },
    { type: 'interval', hours: 1, end_date: new Date(NOW - HOUR) },
  )
  const date = fc.integer({ min: -90, max: 90 }).map(minutes => new Date(NOW + minutes * MINUTE))
  const fields = fc.record(
    {
      ip: fc.constantFrom(MINE, MINE, MINE, 'other'),
      func: fc.constantFrom('note', 'note', 'unknown'),
      trigger,
      next_run_time: fc.oneof(date, fc.constant(null)),
      run_at: fc.array(date, { maxLength: 2 }),
      executor: fc.constantFrom('default', 'process'),
      max_instances: fc.integer({ min: 1, max: 3 }),
      coalesce: fc.boolean(),
    },
    { requiredKeys: ['func', 'trigger'] },
  )
  const id = fc.constantFrom(...ids)
  /** What a person does, or the stream. */
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), id, fields }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('arm' as const), id, to: fc.option(date) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('unset' as const), id }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const), id, ip: fc.constantFrom(MINE, 'other') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), id }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('resync' as const), id }) },
  )
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

  /** The collection, and what the stream would tell of each write. */
  function changesOf(steps: readonly Step[]): { changes: Change[]; documents: Map<string, Job> } {
    const documents = new Map<string, Job>()
    const changes: Change[] = []
    for (const one of steps) {
      const before = documents.get(one.id)
      if (one.do === 'write') {
        const job = { _id: one.id, ...one.fields } as Job
        documents.set(one.id, job)
        changes.push(put(job, before === undefined ? 'insert' : 'replace'))
      } else if (one.do === 'resync') {
        changes.push({ type: 'resync', reason: 'test' })
        for (const job of documents.values()) changes.push(put(job, 'snapshot'))
        changes.push({ type: 'synced', jobs: documents.size })
      } else if (before === undefined) {
      } else if (one.do === 'delete') {
        documents.delete(one.id)
        changes.push({ type: 'gone', id: one.id, reason: 'deleted' })
      } else if (one.do === 'move') {
        const job = { ...before, ip: one.ip }
        documents.set(one.id, job)
        if (one.ip === MINE) changes.push(put(job))
        else changes.push({ type: 'gone', id: one.id, reason: 'moved', to: one.ip })
      } else {
        const next = one.do === 'arm' ? { next_run_time: one.to } : {}
        const { next_run_time: _, ...rest } = before
        documents.set(one.id, { ...rest, ...next } as Job)
        const description =
          one.do === 'arm' ? { updatedFields: next, removedFields: [] } : { removedFields: ['next_run_time'] }
        const { armed, next_run_time, read } = readUpdate(description)
        changes.push({ type: 'set', id: one.id, armed, next_run_time, read })
      }
    }
    return { changes, documents }
  }

  /** Applies changes, and reads documents again where that was asked for. */
  function applied(changes: readonly Change[], documents: ReadonlyMap<string, Job>, times = 1): Roster {
    const held = roster()
    const wanted = new Set<string>()
    for (const change of changes) {
      for (let i = 0; i < times; i++) {
        for (const effect of held.apply(change, NOW)) if (effect.type === 'read') wanted.add(effect.id)
      }
    }
    for (const id of wanted) {
      const job = documents.get(id)
      held.apply(job === undefined ? { type: 'gone', id, reason: 'deleted' } : put(job), NOW)
    }
    return held
  }

  const fresh = (documents: ReadonlyMap<string, Job>) =>
    applied(
      [...documents.values()].map(job => put(job)),
      documents,
    )

  test('memory equals one that read the final documents', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), steps => {
        const { changes, documents } = changesOf(steps)
        expect(memoryOf(applied(changes, documents))).toEqual(memoryOf(fresh(documents)))
      }),
      { numRuns: 2_000 },
    )
  })

  test('each change twice is harmless', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), steps => {
        const { changes, documents } = changesOf(steps)
        expect(memoryOf(applied(changes, documents, 2))).toEqual(memoryOf(applied(changes, documents)))
      }),
      { numRuns: 1_000 },
    )
  })

  test('what is told again from an earlier point on is harmless', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.nat({ max: 20 }), (steps, from) => {
        const { changes, documents } = changesOf(steps)
        const again = [...changes, ...changes.slice(Math.min(from, changes.length))]
        expect(memoryOf(applied(again, documents))).toEqual(memoryOf(fresh(documents)))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('what memory keeps only for a while', () => {
  test('marks of writes to a new job are few, and none once the first came back', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job, 'insert'), NOW)
    for (let i = 0; i < 100; i++) held.writes(job._id, `t${i}`)
    expect(held.get(job._id)?.echoes.length).toBeLessThan(10)
    expect(held.isEcho(job._id, 't99')).toBe(true)
    expect(held.get(job._id)?.echoes).toEqual([])
    expect(held.isEcho(job._id, 't98')).toBe(false)
  })

  test('marks that a snapshot has overtaken are gone, unless the first write is still to come', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job, 'insert'), NOW)
    held.writes(job._id, 't1')
    held.apply(put(job, 'snapshot'), NOW)
    expect(held.isEcho(job._id, 't1')).toBe(true)
    held.writes(job._id, 't2')
    held.apply(put({ ...job, state: { job: job._id } }, 'snapshot'), NOW)
    expect(held.get(job._id)?.echoes).toEqual([])
  })

  test('a document that refuses its plan is read for it twice in a row, and anew when it was written once', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job, 'insert'), NOW)
    const asked = () => [1, 2, 3, 4].map(() => held.overtaken(job._id))
    expect(asked()).toEqual([true, true, false, true])
    held.wrote(held.planOf(job._id) as never)
    expect(asked()).toEqual([true, true, false, true])
    held.apply({ type: 'gone', id: job._id, reason: 'deleted' }, NOW)
    expect(asked()).toEqual([false, false, false, false])
  })
})

describe('a document that cannot be taken in', () => {
  const beyond = new Date(8.64e15 + 1)

  test('makes its job invalid, whatever it throws, and another one goes on', () => {
    const held = roster()
    const [job, other] = [mine(), mine()]
    held.apply(put(job), NOW)
    held.apply(put(other), NOW)
    const broken = {
      ...job,
      get trigger(): never {
        throw new RangeError('Invalid time value')
      },
    } as unknown as Job
    const effects = held.apply(put(broken), NOW)
    const problems = [{ message: expect.stringContaining('Invalid time value') }]
    expect(effects).toMatchObject([{ type: 'news', news: { type: 'job.invalid', job_id: job._id, problems } }])
    expect([held.get(job._id)?.state, held.get(other._id)?.state, held.armed]).toEqual(['invalid', 'armed', 1])
    held.apply(put(job), NOW)
    expect([held.get(job._id)?.state, held.armed]).toEqual(['armed', 2])
  })

  test('whose next time is beyond all dates is read as a whole, when an event tells it', () => {
    const held = roster()
    const job = mine()
    held.apply(put(job), NOW)
    expect(types(held.apply(set(job._id, beyond), NOW))).toEqual(['read'])
    expect(types(held.apply(put({ ...job, next_run_time: beyond }), NOW))).toContain('job.invalid')
    expect(held.planOf(job._id)?.stored).toBeNaN()
  })

  test('with a malformed state asks for its repair, not again and again, and what it says well counts', () => {
    const held = roster()
    const state = { claimed_to: 'x', running: [null, anEntry({ job: 'job' })] } as never
    const job = mine({ state })
    for (let i = 0; i < 3; i++) {
      const effects = held.apply(put(job), NOW)
      expect(types(effects)).toContain('repair')
      expect(types(effects)).not.toContain('write')
    }
    expect(types(held.apply(put(job), NOW))).not.toContain('repair')
    const seen = held.apply(put(job), NOW).find(effect => effect.type === 'seen')
    expect(seen).toMatchObject({ job: { state: { running: [anEntry({ job: 'job' })] } } })
    held.apply(put(mine({ _id: job._id })), NOW)
    expect(types(held.apply(put(job), NOW))).toContain('repair')
  })
})
