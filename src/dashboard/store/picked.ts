/** Picked: which rows of a list are chosen, and on which row the keyboard stands.
 *  In: rows by id, or "all that match". Out: a choice that acts can take. A row that goes is not chosen any more;
 *  a new search chooses nothing. */
import type { Job } from '../shapes.ts'
import type { Chosen } from './acts.ts'
import type { ListState } from './job-list.ts'
import type { Search } from './search.ts'

export interface Picked {
  /** By id, as they were when they were chosen. */
  readonly jobs: ReadonlyMap<string, Job>
  /** All that match, also those that are not loaded. */
  readonly all: boolean
  /** The row of the keyboard. */
  readonly cursor: string | undefined
}

export const NOTHING: Picked = { jobs: new Map(), all: false, cursor: undefined }

export const isChosen = ({ all, jobs }: Picked, { _id }: Job): boolean => all || jobs.has(_id)

/** Of "all that match", the rows that are loaded stay chosen when one is taken out: no others are known by name. */
export function toggled(picked: Picked, job: Job, { rows }: ListState, on = !isChosen(picked, job)): Picked {
  const jobs = new Map(picked.all ? rows.map(row => [row.job._id, row.job]) : picked.jobs)
  if (on) jobs.set(job._id, job)
  else jobs.delete(job._id)
  return { ...picked, jobs, all: false }
}

export const isPicked = (picked: Picked): boolean => picked.all || picked.jobs.size > 0

export function chosenOf(picked: Picked, search: Search, { rows, count, exact }: ListState): Chosen {
  if (picked.all) return { all: search, count: count ?? rows.length, exact }
  const now = new Map(rows.map(({ job }) => [job._id, job]))
  return { jobs: [...picked.jobs.values()].map(job => now.get(job._id) ?? job) }
}

/** The row `step` further, or the first. */
export function movedCursor(picked: Picked, { rows }: ListState, step: number): Picked {
  if (rows.length === 0) return picked
  const from = rows.findIndex(({ job }) => job._id === picked.cursor)
  const to = from < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, from + step))
  return { ...picked, cursor: rows[to]?.job._id }
}
