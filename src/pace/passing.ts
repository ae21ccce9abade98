/** Passing: which errors of the database may pass by themselves, so that the same is asked again.
 *  In: what the driver threw. Out: whether another try may succeed. The writer sorts writes by these codes, the history its rows, and
 *  people's handles say by them what is out of reach. */
import { MongoBulkWriteError, MongoError, MongoInvalidArgumentError, MongoServerError } from 'mongodb'

/** Not primary, shutting down, nobody to read from, write concern not met, time limit, no such user for now, no room on the disk. */
export const PASSING: ReadonlySet<unknown> = new Set([
  6, 7, 18, 50, 64, 89, 91, 100, 133, 134, 189, 202, 262, 9001, 10107, 11600, 11602, 13435, 13436, 14031,
])

/** The errors of a bulk's single writes; none: the whole bulk is undecided. */
export const singleErrors = (error: unknown) =>
  error instanceof MongoBulkWriteError ? [error.writeErrors ?? []].flat() : []

/** Whether another try may succeed. The driver wraps what ended a whole bulk (no connection, no server in time) in an error of the
 *  server without a code; a command that it cannot put on the line at all it will not be able to send later either. */
export function isPassing(error: unknown): boolean {
  if (singleErrors(error).length > 0) return singleErrors(error).some(({ code }) => PASSING.has(code))
  if (!(error instanceof MongoError)) return isOfSocket(error)
  if (!(error instanceof MongoServerError) || error.code === undefined)
    return !(error instanceof MongoInvalidArgumentError)
  return PASSING.has(error.code) || error.hasErrorLabel('RetryableWriteError') || isNobody(error)
}

/** Whether the server takes the connection for nobody's; what somebody may not do is another matter. */
export const isNobody = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code === 13 && /requires authentication/i.test(error.message)

/** A connection that breaks in the middle of a command may be told by the system's own error, which the driver has not wrapped. */
export const isOfSocket = (error: unknown): boolean => error instanceof Error && 'syscall' in error
