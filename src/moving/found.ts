/** Found: what a reader of foreign definitions hands back: jobs of ours, and what could not become one or not wholly, with the reason.
 *  In: candidates, each with the place that it comes from. Out: those that are valid jobs; the others stand among what is skipped.
 *  Holds: nothing that was read is left out in silence, and every job here passes `jobs.add`. */
import { TidewheelError } from '../errors.ts'
import type { JobInput } from '../job/job.ts'
import { parseJobInput } from '../job/parse.ts'

export interface Found {
  readonly jobs: readonly JobInput[]
  readonly skipped: readonly Skipped[]
}

/** Something of the source that does not come along. */
export interface Skipped {
  /** Of the file, from 1; absent where the source has no lines. */
  readonly line?: number
  /** What stands there. */
  readonly text: string
  /** Why it is left, or what of it. */
  readonly why: string
}

/** Collects what a reader finds. */
export class Finding implements Found {
  readonly jobs: JobInput[] = []
  readonly skipped: Skipped[] = []

  /** Answers whether it became a job; what is wrong with it is told. */
  take(job: JobInput, from: Omit<Skipped, 'why'>): boolean {
    const why = problemOf(job)
    if (why === undefined) this.jobs.push(job)
    else this.skip(from, why)
    return why === undefined
  }

  skip(from: Omit<Skipped, 'why'>, why: string): void {
    this.skipped.push({ ...from, why })
  }
}

/** Undefined: nothing. */
function problemOf(job: JobInput): string | undefined {
  try {
    parseJobInput(job)
    return undefined
  } catch (error) {
    if (!(error instanceof TidewheelError)) throw error
    // The source's own place is told beside it.
    return error.message.replace(/^job \S+: /, '')
  }
}
