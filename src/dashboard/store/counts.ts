/** Counts: how many jobs of a search are in which status.
 *  In: a search. Out: a number for each status, up to 10,000 exactly; of those that the search already asks for only that one. */
import { get } from '../api.ts'
import type { Page } from '../shapes.ts'
import type { JobStatus } from '../words/status.ts'
import { queryOf, type Search } from './search.ts'

export interface Count {
  readonly count: number
  readonly exact: boolean
}

export type Counts = Readonly<Partial<Record<JobStatus, Count>>>

export const COUNTED: readonly JobStatus[] = ['scheduled', 'running', 'paused', 'stranded', 'invalid', 'over']

export async function countJobs(search: Search): Promise<Counts> {
  const statuses = search.status === undefined ? COUNTED : COUNTED.filter(one => one === search.status)
  const found = await Promise.all(statuses.map(async status => [status, await countOf({ ...search, status })] as const))
  return Object.fromEntries(found)
}

/** Of all that match. */
export async function countOf(search: Search): Promise<Count> {
  const page = await get<Page<unknown>>('jobs', { ...queryOf(search), limit: 1, count: true })
  return { count: page.count ?? page.items.length, exact: page.count_exact ?? true }
}

export const countWords = ({ count, exact }: Count): string => `${count.toLocaleString('en-GB')}${exact ? '' : '+'}`
