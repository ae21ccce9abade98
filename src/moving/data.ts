/** Data: what the jobs of other queues carry, one value each, as what a function of ours is called with. */
import { isObject, type JobInput } from '../job/job.ts'

/** An object is kwargs, anything else the one argument; nothing and an empty object are nothing. */
export function dataOf(data: unknown): Pick<JobInput, 'args' | 'kwargs'> {
  if (data === undefined || data === null) return {}
  return isPlain(data) ? (Object.keys(data).length === 0 ? {} : { kwargs: data }) : { args: [data] }
}

const isPlain = (data: unknown): data is Readonly<Record<string, unknown>> =>
  isObject(data) && Object.getPrototypeOf(data) === Object.prototype
