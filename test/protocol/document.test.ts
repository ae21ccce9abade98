/** The evaluator by itself: each operator, and each trap that the guards are built around. */
import { describe, expect, test } from 'vitest'
import { matches, type Refused, updated } from './document.ts'

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute))
const stamps = { now: at(9), timestamp: 7 }
const entry = (run_id: string, incarnation = 'i') => ({ run_id, incarnation })
const job = {
  _id: 'a',
  ip: 'n',
  next_run_time: at(1),
  paused: null,
  max_instances: 2,
  trigger: { type: 'interval', minutes: 1 },
  run_at: [at(1), at(2)],
  state: { running: [entry('r1'), entry('r2', 'j')], failures: 3 },
}

describe('a filter', () => {
  test.each([
    ['an equal date', { next_run_time: at(1) }, true],
    ['another date', { next_run_time: at(2) }, false],
    ['an equal string', { ip: 'n', _id: 'a' }, true],
    ['one condition of two', { ip: 'n', _id: 'b' }, false],
    ['null, of an absent field', { cancel: null }, true],
    ['null, of a null one', { paused: null }, true],
    ['null, of a value', { ip: null }, false],
    ['$exists false, of an absent field', { cancel: { $exists: false } }, true],
    ['$exists false, of a null one', { paused: { $exists: false } }, false],
    ['$exists true', { 'state.failures': { $exists: true } }, true],
    ['$type null, of an absent field', { cancel: { $type: 'null' } }, false],
    ['$type null, of a null one', { paused: { $type: 'null' } }, true],
    ['$type date', { next_run_time: { $type: 'date' } }, true],
    ['$type date, of null', { paused: { $type: 'date' } }, false],
    ['an equal object', { trigger: { type: 'interval', minutes: 1 } }, true],
    ['an object in another order', { trigger: { minutes: 1, type: 'interval' } }, false],
    ['a member of an array', { run_at: at(2) }, true],
    ['no member of an array', { run_at: at(3) }, false],
    ['an index that is there', { 'state.running.1': { $exists: true } }, true],
    ['an index that is not', { 'state.running.2': { $exists: false } }, true],
    ['an index of an absent array', { 'state.waiting.0': { $exists: false } }, true],
    ['a field within an array', { 'state.running.run_id': 'r2' }, true],
    ['two fields of two members', { 'state.running.run_id': 'r1', 'state.running.incarnation': 'j' }, true],
    ['$elemMatch, of one member', { 'state.running': { $elemMatch: { run_id: 'r1', incarnation: 'i' } } }, true],
    ['$elemMatch, of two members', { 'state.running': { $elemMatch: { run_id: 'r1', incarnation: 'j' } } }, false],
    ['$gte', { 'state.failures': { $gte: 3 } }, true],
    ['$gte, of less', { 'state.failures': { $gte: 4 } }, false],
    ['$gte, of an absent field', { 'state.runs': { $gte: 0 } }, false],
    ['$not, of what holds', { 'state.failures': { $not: { $gte: 3 } } }, false],
    ['$not, of an absent field', { 'state.runs': { $not: { $gte: 0 } } }, true],
    ['$ne, of an absent field', { 'state.job': { $ne: 'a' } }, true],
    ['$ne, of the value', { ip: { $ne: 'n' } }, false],
    ['$in with null, of an absent field', { cancel: { $in: ['x', null] } }, true],
    ['$in', { ip: { $in: ['m', 'k'] } }, false],
    ['$nin, with null, of an absent field', { cancel: { $nin: ['x', null] } }, false],
    ['$gt', { 'state.failures': { $gt: 3 } }, false],
    ['$expr, of a time that has come', { $expr: { $lt: [{ $add: ['$next_run_time', 1] }, '$$NOW'] } }, true],
    ['$expr, of a time that has not', { $expr: { $lt: ['$$NOW', '$next_run_time'] } }, false],
    ['$or', { $or: [{ ip: 'm' }, { _id: 'a' }] }, true],
    ['$and', { $and: [{ ip: 'n' }, { _id: 'b' }] }, false],
  ])('%s', (_, filter, expected) => {
    expect(matches(job, filter, stamps)).toBe(expected)
  })

  test('with an operator it does not know is refused, not passed over', () => {
    expect(() => matches(job, { ip: { $regex: 'n' } })).toThrow('$regex')
    expect(() => matches(job, { $where: 'true' })).toThrow('$where')
  })
})

describe('an update', () => {
  const made = (update: object, filter = {}) => updated(job, update as never, stamps, filter) as typeof job & Any
  type Any = { readonly [field: string]: never }

  test.each([
    ['$set', { $set: { ip: 'm' } }, { ip: 'm' }],
    ['$set of a path', { $set: { 'state.failures': 0 } }, { state: { ...job.state, failures: 0 } }],
    ['$set of a path that is not there', { $set: { 'own.deep': 1 } }, { own: { deep: 1 } }],
    ['$max, of less', { $max: { next_run_time: at(0) } }, { next_run_time: at(1) }],
    ['$max, of more', { $max: { next_run_time: at(2) } }, { next_run_time: at(2) }],
    ['$max, of an absent field', { $max: { to: at(0) } }, { to: at(0) }],
    ['$inc', { $inc: { max_instances: 1 } }, { max_instances: 3 }],
    ['$inc, of an absent field', { $inc: { runs: 1 } }, { runs: 1 }],
    ['$pull of a value', { $pull: { run_at: at(1) } }, { run_at: [at(2)] }],
    ['$push', { $push: { run_at: at(3) } }, { run_at: [at(1), at(2), at(3)] }],
    ['$push, of an absent array', { $push: { own: 1 } }, { own: [1] }],
    [
      '$push of several, of which the last are kept',
      { $push: { run_at: { $each: [at(3), at(4)], $slice: -3 } } },
      { run_at: [at(2), at(3), at(4)] },
    ],
    ['$currentDate', { $currentDate: { seen: true } }, { seen: at(9) }],
    ['$currentDate of a timestamp', { $currentDate: { fence: { $type: 'timestamp' } } }, { fence: 7 }],
    [
      '$pull by a condition',
      { $pull: { 'state.running': { run_id: 'r1' } } },
      { state: { failures: 3, running: [entry('r2', 'j')] } },
    ],
  ])('%s', (_, update, expected) => {
    expect(made(update)).toEqual({ ...job, ...expected })
  })

  test('unsets, and leaves what it came from as it was', () => {
    const before = structuredClone(job)
    expect(made({ $unset: { ip: '', 'state.failures': '', none: '' } })).not.toHaveProperty('ip')
    expect(job).toEqual(before)
  })

  test('sets the member of an array that the filter found', () => {
    const found = { 'state.running': { $elemMatch: { run_id: 'r2', incarnation: 'j' } } }
    const set = { $set: { 'state.running.$': entry('r3') } }
    expect(made(set, found).state.running).toEqual([entry('r1'), entry('r3')])
    const field = { $set: { 'state.running.$.run_id': 'r4' } }
    expect(made(field, { 'state.running.run_id': 'r2' }).state.running).toEqual([entry('r1'), entry('r4', 'j')])
  })

  test('is refused with the code of the server', () => {
    const code = (update: object) => {
      try {
        made(update)
      } catch (error) {
        return (error as Refused).code
      }
      return undefined
    }
    expect(code({ $push: { ip: 1 } })).toBe(2)
    expect(code({ $pull: { ip: 1 } })).toBe(2)
    expect(code({ $inc: { ip: 1 } })).toBe(14)
    expect(code({ $set: { 'ip.x': 1 } })).toBe(28)
    expect(code({ $set: { state: {} }, $push: { 'state.running': 1 } })).toBe(40)
    expect(() => made({ $rename: { ip: 'x' } })).toThrow('$rename')
  })
})
