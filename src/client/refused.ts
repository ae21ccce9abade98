/** Refused: what the database and the rules answer to an edit of a job, as errors of ours.
 *  In: the id of the job which is written or read (`''`: none), and what was thrown. Out: a TidewheelError with a sentence that names
 *  the job, what is allowed and what was found. */
import { MongoServerError } from 'mongodb'
import { databaseError } from '../database/connection.ts'
import { type Problem, TidewheelError } from '../errors.ts'
import { refusal } from '../job/schema.ts'

const DUPLICATE_KEY = 11000

export const notFound = (id: string) => new TidewheelError('not_found', `job ${id}: there is none of this id`, { id })

export const invalid = (id: string, problem: Problem) =>
  new TidewheelError('invalid_job', `job ${id}: ${problem.message}`, { id, problems: [problem] })

export const isDuplicate = (error: unknown) => error instanceof MongoServerError && error.code === DUPLICATE_KEY

/** Asks the database and turns its refusals into sentences. */
export async function asked<T>(id: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw refused(id, error)
  }
}

export function refused(id: string, error: unknown): TidewheelError {
  const rule = refusal(error)
  const job = id === '' ? 'job' : `job ${id}`
  if (rule !== undefined) {
    const problems = [{ path: rule.split(':', 1)[0] ?? '', message: rule }]
    return new TidewheelError('invalid_job', `${job}: ${rule}`, { id, problems }, { cause: error })
  }
  if (isDuplicate(error)) {
    return new TidewheelError('conflict', `${job}: there is one of this id already`, { id }, { cause: error })
  }
  return databaseError(error, id === '' ? 'invalid_option' : 'invalid_job')
}
