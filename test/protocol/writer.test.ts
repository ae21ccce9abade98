/** The writer: what each error of the driver says of a write, and what goes out with it. */
import {
  MongoBulkWriteError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
} from 'mongodb'
import { describe, expect, test } from 'vitest'
import { isNobody } from '../../src/pace/passing.ts'
import type { Write } from '../../src/protocol/write.ts'
import { Writer, type WriterOptions } from '../../src/protocol/writer.ts'

const BY = { ip: 'a', incarnation: 'a1' }
const WRITE: Write = { filter: { _id: 'job', ip: 'a' }, update: { $set: { ip: 'b' }, $unset: { note: '' } } }
const REMOVAL: Write = { filter: { _id: 'job' } }

/** A writer to a collection that notes what it is asked, and answers as told. */
function writing(answer: () => unknown = () => ({ matchedCount: 1, modifiedCount: 1 }), more?: Partial<WriterOptions>) {
  const asked: unknown[][] = []
  const ask = async (...args: unknown[]) => {
    asked.push(args)
    return answer()
  }
  const jobs = { bulkWrite: ask, findOneAndUpdate: ask } as never
  return { asked, writer: new Writer({ jobs, by: BY, ...more }) }
}
const failing = (error: unknown) =>
  writing(() => {
    throw error
  }).writer

const ofServer = (code: number, message = 'no') => new MongoServerError({ message, code })
const ofBulk = (...errors: readonly { index: number; code: number }[]) => {
  const error = new MongoBulkWriteError(
    { message: 'no', writeErrors: [] } as never,
    {
      matchedCount: 1,
      modifiedCount: 1,
    } as never,
  )
  error.writeErrors = errors.map(({ index, code }) => ({ index, code, errmsg: `error ${code}` })) as never
  return error
}

const REFUSED = { type: 'refused' }
const PASSING = { type: 'undecided', passing: true }
const LASTING = { type: 'undecided', passing: false }

const CODES: readonly [number, string, object][] = [
  [2, 'BadValue', REFUSED],
  [14, 'TypeMismatch', REFUSED],
  [28, 'PathNotViable', REFUSED],
  [121, 'DocumentValidationFailure', REFUSED],
  [6, 'HostUnreachable', PASSING],
  [7, 'HostNotFound', PASSING],
  [18, 'AuthenticationFailed', PASSING],
  [50, 'MaxTimeMSExpired', PASSING],
  [64, 'WriteConcernTimeout', PASSING],
  [89, 'NetworkTimeout', PASSING],
  [91, 'ShutdownInProgress', PASSING],
  [100, 'UnsatisfiableWriteConcern', PASSING],
  [189, 'PrimarySteppedDown', PASSING],
  [202, 'NetworkInterfaceExceededTimeLimit', PASSING],
  [262, 'ExceededTimeLimit', PASSING],
  [9001, 'SocketException', PASSING],
  [10107, 'NotWritablePrimary', PASSING],
  [11600, 'InterruptedAtShutdown', PASSING],
  [11602, 'InterruptedDueToReplStateChange', PASSING],
  [13435, 'NotPrimaryNoSecondaryOk', PASSING],
  [13436, 'NotPrimaryOrSecondary', PASSING],
  [14031, 'OutOfDiskSpace', PASSING],
  [13, 'Unauthorized', LASTING],
  [26, 'NamespaceNotFound', LASTING],
  [11000, 'DuplicateKey', LASTING],
  [10334, 'BSONObjectTooLarge', LASTING],
]

describe('an error of the server', () => {
  test.each(CODES)(
    'with code %i, %s, says the same of a single write, of one in a bulk and of a whole bulk',
    async (code, _, verdict) => {
      const error = ofServer(code)
      expect(await failing(error).take(WRITE)).toMatchObject({ ...verdict, error })
      const whole = await failing(error).send([WRITE, WRITE])
      expect(whole).toMatchObject({ verdicts: [verdict, verdict], matched: 0, modified: 0, failure: error })
      const one = await failing(ofBulk({ index: 1, code })).send([WRITE, WRITE, WRITE])
      expect(one).toMatchObject({ verdicts: [{ type: 'done' }, verdict, { type: 'done' }], matched: 1, modified: 1 })
      expect(one.verdicts[1]).toMatchObject({ error: { message: `error ${code}` } })
      expect(one).not.toHaveProperty('failure')
    },
  )

  test('passes where the driver calls it one that is worth another try', async () => {
    const error = ofServer(1)
    error.addErrorLabel('RetryableWriteError')
    expect(await failing(error).take(WRITE)).toMatchObject(PASSING)
  })

  test('that a connection is nobody’s passes; that somebody may not write does not', async () => {
    const nobody = ofServer(13, 'Command update requires authentication')
    expect([isNobody(nobody), isNobody(ofServer(13, 'not authorized'))]).toEqual([true, false])
    expect(await failing(nobody).take(WRITE)).toMatchObject(PASSING)
  })
})

describe('an error on this side', () => {
  const network = new MongoNetworkError('read ECONNRESET')
  test.each<[string, Error, object]>([
    ['a broken connection', network, PASSING],
    ['a connection that could not be opened for a bulk', new MongoBulkWriteError(network, {} as never), PASSING],
    ['no server in time', new MongoServerSelectionError('none', {} as never), PASSING],
    ['a socket that the driver did not wrap', Object.assign(new Error('EPIPE'), { syscall: 'write' }), PASSING],
    ['what the driver cannot send', new MongoInvalidArgumentError('no operations'), LASTING],
    ['an error of another kind that has such a code', Object.assign(new Error('no'), { code: 121 }), LASTING],
    ['what cannot be made a document', new RangeError('out of range'), LASTING],
  ])('%s says nothing of any write', async (_, error, verdict) => {
    expect(await failing(error).take(WRITE)).toMatchObject(verdict)
    const { verdicts, failure } = await failing(error).send([WRITE, REMOVAL])
    expect(verdicts).toMatchObject([verdict, verdict])
    expect(failure).toBe(error)
    await expect(failing(error).write(WRITE)).rejects.toBe(error)
  })

  test('may be anything that was thrown', async () => {
    expect(await failing('text').take(WRITE)).toMatchObject({ ...LASTING, error: { message: 'text' } })
  })
})

describe('what goes out', () => {
  test('is stamped, each write with a `touch` of its own that was told before, and asks for a majority', async () => {
    const stamps: string[] = []
    const { asked, writer } = writing(undefined, { stamped: { writes: (id, touch) => stamps.push(`${id} ${touch}`) } })
    await writer.send([WRITE, WRITE])
    await writer.take(WRITE)
    const majority = { writeConcern: { w: 'majority' } }
    const stamped = (i: number) => ({
      filter: WRITE.filter,
      update: { $set: { ip: 'b', touch: stamps[i]?.slice(4) }, $unset: { note: '' } },
    })
    expect(new Set(stamps).size).toBe(3)
    const { filter, update } = stamped(2)
    expect(asked).toEqual([
      [[{ updateOne: stamped(0) }, { updateOne: stamped(1) }], { ordered: false, ...majority }],
      [filter, update, { returnDocument: 'after', ...majority }],
    ])
  })

  test('has the stamps that were made before, and for a claim a limit', async () => {
    const { asked, writer } = writing()
    const touches = [writer.stamp('job')]
    const options = { touches, limited: true }
    await writer.send([WRITE], options)
    await writer.take(WRITE, options)
    const update = { $set: { touch: touches[0] } }
    expect(asked).toMatchObject([
      [[{ updateOne: { update } }], { maxTimeMS: 1_000 }],
      [{}, update, { maxTimeMS: 1_000 }],
    ])
  })

  test('of a person is not stamped, and a removal never is', async () => {
    const { asked, writer } = writing(undefined, { by: undefined as never })
    await writer.send([WRITE, REMOVAL])
    expect(asked[0]?.[0]).toEqual([{ updateOne: WRITE }, { deleteOne: REMOVAL }])
  })

  test('is nothing where there is nothing to write', async () => {
    const { asked, writer } = writing()
    expect([await writer.send([]), asked]).toEqual([{ verdicts: [], matched: 0, modified: 0, deleted: 0 }, []])
  })

  test('is answered by whether it matched', async () => {
    expect(await writing().writer.write(WRITE)).toBe(true)
    expect(await writing(() => ({ matchedCount: 0, modifiedCount: 0 })).writer.write(WRITE)).toBe(false)
    expect(await writing(() => null).writer.take(WRITE)).toEqual({ type: 'done', job: null })
  })
})
