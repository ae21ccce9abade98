/** Refusal: what a request is told when it is not served, as status, code and sentence.
 *  In: whatever was thrown. Out: `{error_message, code, problems?}` with its status; a database that is away is 503 and says when
 *  to ask again. Holds: the caller's mistakes are 4xx, and no answer is 500. */
import { type ErrorCode, type Problem, TidewheelError } from '../errors.ts'

/** Why a request is refused before it reaches a handle. */
export type HttpCode =
  | 'unauthenticated'
  | 'forbidden'
  | 'no_route'
  | 'method_not_allowed'
  | 'changed_meanwhile'
  | 'too_large'
  | 'unsupported_media_type'
  | 'misdirected'
  | 'too_many_attempts'
  | 'unforeseen'

export interface RefusalOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly problems?: readonly Problem[]
  readonly cause?: unknown
}

/** Thrown by whatever stands between a request and its answer. */
export class Refusal extends Error {
  readonly status: number
  readonly code: ErrorCode | HttpCode
  readonly headers: Readonly<Record<string, string>>
  readonly problems: readonly Problem[] | undefined

  constructor(status: number, code: ErrorCode | HttpCode, message: string, options: RefusalOptions = {}) {
    super(message, { cause: options.cause })
    this.status = status
    this.code = code
    this.headers = options.headers ?? {}
    this.problems = options.problems
  }

  /** What the caller reads. */
  get body(): { readonly error_message: string; readonly code: string; readonly problems?: readonly Problem[] } {
    const { message, code, problems } = this
    return { error_message: message, code, ...(problems !== undefined && { problems }) }
  }
}

/** Seconds after which a database that is away may be back. */
const RETRY_AFTER_S = '1'

const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid_trigger: 400,
  invalid_job: 400,
  invalid_option: 400,
  not_found: 404,
  conflict: 409,
  // Of the server's own connection, not of the caller.
  unauthorised: 503,
  unreachable: 503,
  not_replica_set: 503,
  closed: 503,
  timeout: 503,
}

/** What an error means for whoever asked. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (!(error instanceof TidewheelError)) {
    const message = 'this was not foreseen; the log of the server says more'
    return new Refusal(503, 'unforeseen', message, { headers: { 'Retry-After': RETRY_AFTER_S }, cause: error })
  }
  const status = STATUS[error.code]
  return new Refusal(status, error.code, error.message, {
    ...(status === 503 && { headers: { 'Retry-After': RETRY_AFTER_S } }),
    ...problemsOf(error),
    cause: error,
  })
}

/** Where it is wrong, beside the sentence: from a job's problems, or the path of a trigger or an option. */
function problemsOf({ data, message }: TidewheelError): Pick<RefusalOptions, 'problems'> {
  if (Array.isArray(data.problems)) return { problems: data.problems as readonly Problem[] }
  return typeof data.path === 'string' ? { problems: [{ path: data.path, message }] } : {}
}
