/** What is thrown, as an error of ours: only what the driver says of connections and servers is unreachable. */
import {
  BSON,
  MongoAPIError,
  MongoBulkWriteError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoNotConnectedError,
  MongoOperationTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from 'mongodb'
import { expect, test } from 'vitest'
import { databaseError } from '../../src/database/connection.ts'
import { TidewheelError } from '../../src/errors.ts'

const server = (code: number, message = 'no') => new MongoServerError({ message, errmsg: message, code })
const named = (name: string) => Object.defineProperty(new MongoAPIError('no'), 'name', { value: name })
const bulk = (writeErrors: unknown[], code?: number) =>
  new MongoBulkWriteError({ message: 'no', code, writeErrors } as never, {} as never)

test.each([
  ['a broken connection', new MongoNetworkError('no')],
  ['a slow one', new MongoNetworkTimeoutError('no')],
  ['no server in time', new MongoServerSelectionError('no', {} as never)],
  ['no connection', new MongoNotConnectedError('no')],
  ['no topology', new MongoTopologyClosedError('no')],
  ['no answer in time', new MongoOperationTimeoutError('no')],
  ['no free connection', named('MongoWaitQueueTimeoutError')],
  ['a closed pool', named('MongoPoolClosedError')],
  ["the system's own error", Object.assign(new Error('reset'), { syscall: 'read' })],
  ['a primary that stepped down', server(189)],
  ['a server that shuts down', server(91)],
  ['a whole bulk that got nowhere', bulk([])],
])('%s is unreachable', (_, error) => {
  expect(databaseError(error)).toMatchObject({ code: 'unreachable', cause: error })
})

test.each([
  [server(13), 'unauthorised'],
  [server(18), 'unauthorised'],
  [server(2, 'unknown operator: $x'), 'invalid_option'],
  [server(73, 'Invalid namespace'), 'invalid_option'],
  [new MongoInvalidArgumentError('Query filter must be a plain object'), 'invalid_option'],
  [new BSON.BSONError('Cannot convert circular structure to BSON'), 'invalid_option'],
])('%o is %s, with its own sentence', (error, code) => {
  expect(databaseError(error)).toMatchObject({ code, message: expect.stringContaining(error.message) })
})

test('what is refused of a job is invalid_job; what is too large is said so', () => {
  expect(databaseError(server(2), 'invalid_job').code).toBe('invalid_job')
  expect(databaseError(server(10334)).message).toMatch(/^refused by MongoDB: the document is larger than MongoDB takes/)
  expect(databaseError(new RangeError('offset')).message).toMatch(/16 MiB/)
})

test('an error of ours stays as it is, and one of nobody keeps its words', () => {
  const ours = new TidewheelError('not_found', 'x')
  expect(databaseError(ours)).toBe(ours)
  expect(databaseError('boom')).toMatchObject({ code: 'invalid_option', message: 'boom' })
})

test.each([
  ['has no toString', Object.create(null)],
  ['has one that throws', { toString: () => JSON.parse('{') }],
  [
    'throws at every touch',
    new Proxy(new Error('p'), {
      get: () => {
        throw new Error('no')
      },
    }),
  ],
])('what %s is an error of ours all the same', (_, thrown) => {
  expect(databaseError(thrown)).toMatchObject({
    code: 'invalid_option',
    message: 'a thrown value that cannot be put into words',
  })
})
