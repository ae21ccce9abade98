/** Answering: a database of which every question ends, with an answer or without one.
 *  In: a handle of the driver, and how long an answer may take. Out: the same handle, whose promises reject after that time.
 *  A connection that somebody on the way has forgotten is silent until the system gives it up, a quarter of an hour later. What was asked
 *  is not called back: whoever asks again does so as after any answer that was lost. */
import { AbstractCursor, Collection, MongoNetworkTimeoutError } from 'mongodb'
import { within } from '../clock.ts'
import type { Database } from './database.ts'

/** Longer than the driver takes to find out that a server is frozen (15 s by default), to find another and to ask that: until then what
 *  was asked may still be done. */
const ANSWER_MS = 30_000
/** Of a cursor; they ask nobody while it has documents at hand. */
const STEPS: ReadonlySet<string | symbol> = new Set(['next', 'hasNext', 'tryNext'])

/** For a node, whose questions are short; people may ask for what takes long. Streams are as they were: they wait. */
export function answeringDatabase({ collections, connection, ...rest }: Database): Database {
  const { jobs, executions, nodes, users } = collections
  return {
    ...rest,
    connection: { ...connection, db: answering(connection.db), streamDb: answering(connection.streamDb) },
    collections: {
      jobs: answering(jobs),
      executions: answering(executions),
      nodes: answering(nodes),
      users: answering(users),
    },
  }
}

/** `handle`: a database, a collection or a cursor. */
export function answering<T extends object>(handle: T, ms = ANSWER_MS): T {
  return new Proxy(handle, {
    get(target, key, itself) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      // Each step of a loop over a cursor is a question of its own.
      if (key === Symbol.asyncIterator) return value.bind(itself)
      if (STEPS.has(key) && target instanceof AbstractCursor && target.bufferedCount() > 0) return value.bind(target)
      return (...given: unknown[]) => ended(Reflect.apply(value, target, given), ms)
    },
  })
}

function ended(answer: unknown, ms: number): unknown {
  if (answer instanceof Promise) return within(answer, ms, () => unanswered(ms))
  if (answer instanceof Collection || answer instanceof AbstractCursor) return answering(answer, ms)
  return answer
}

function unanswered(ms: number): never {
  throw new MongoNetworkTimeoutError(`no answer within ${ms} ms`)
}
