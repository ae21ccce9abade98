/** The one error class of the package and its codes.
 *  A message says what was expected, what was found and where; `data` carries the same for programs.
 *  Job failures are not errors of ours: they are outcomes and travel as events. */

/** What went wrong, for programs.
 *  `invalid_trigger`, `invalid_job`, `invalid_option`: what was given is wrong, `data.path` or `data.problems` says where;
 *  `not_found`; `conflict`: the id is taken, or somebody was faster; `unreachable`: no database answers; `not_replica_set`;
 *  `unauthorised`: MongoDB refuses; `closed`: the client or node is closed, or not started yet; `timeout`. */
export type ErrorCode =
  | 'invalid_trigger'
  | 'invalid_job'
  | 'invalid_option'
  | 'not_found'
  | 'conflict'
  | 'unreachable'
  | 'not_replica_set'
  | 'unauthorised'
  | 'closed'
  | 'timeout'

/** Thrown by every public function that fails; `code` is stable, `message` is for people. */
export class TidewheelError extends Error {
  override readonly name = 'TidewheelError'
  readonly code: ErrorCode
  /** What the message was made of: `path` for triggers, `problems` for jobs, and so on. */
  readonly data: Readonly<Record<string, unknown>>

  /** `data` is for programs; `options.cause` is what led to it. */
  constructor(code: ErrorCode, message: string, data: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.data = data
  }
}

/** One thing wrong with a document or an option: where it is and what is allowed there. */
export interface Problem {
  /** Field path with dots, `''` for the whole value. */
  readonly path: string
  /** One sentence: where, what is expected, what was found. */
  readonly message: string
}

/** The known word nearest to `word` (at most two letters apart, and not in all of them), for "did you mean"; undefined when none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = 3
  for (const candidate of known) {
    const distance = editDistance(word, candidate)
    if (distance < least && distance < Math.max(word.length, candidate.length)) [best, least] = [candidate, distance]
  }
  return best
}

/** What to say to a name that is none of these: the nearest of them, or all. */
export function meantOf(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  return near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`
}

/** Levenshtein distance (Wagner and Fischer's table, one row kept). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost))
    }
    row = next
  }
  return row[b.length] ?? 0
}
