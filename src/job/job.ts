/** Draft: the document of a job. */
import type { Trigger } from '../trigger/trigger.ts'
export interface Job {
  readonly _id: string
  readonly func: string
  readonly trigger: Trigger
  readonly [key: string]: unknown
}
export type JobInput = Job
