/** Recent: the last runs of the jobs in sight, for their sparklines.
 *  In: ids, and events of runs. Out: rows, newest first, or undefined while they are not known.
 *  One request asks for a screenful; a job that ran is asked for again, once in two seconds at most. */
import { get } from '../api.ts'
import { Cell } from '../cell.ts'
import { every } from '../clock.ts'
import type { Recent } from '../shapes.ts'
import { heed } from './live.ts'

export const recents = new Cell<ReadonlyMap<string, readonly Recent[]>>(new Map())

const COUNT = 24
/** Of so many jobs the runs are remembered, those that were in sight last. */
const MOST = 500
const A_REQUEST = 50
const TURN_MS = 2_000
const wanted = new Set<string>()
let inSight: readonly string[] = []
let reading = false

export function seeRecent(ids: readonly string[]): void {
  inSight = ids
  for (const id of ids) if (!recents.value.has(id)) wanted.add(id)
  void read()
}

async function read(): Promise<void> {
  const ids = inSight.filter(id => wanted.has(id)).slice(0, A_REQUEST)
  if (reading || ids.length === 0) return
  reading = true
  for (const id of ids) wanted.delete(id)
  try {
    const answer = await get<Record<string, readonly Recent[]>>('runs/recent', { job: ids, count: COUNT })
    recents.change(known => {
      const others = [...known].filter(([id]) => !ids.includes(id))
      return new Map([...others, ...ids.map(id => [id, answer[id] ?? []] as const)].slice(-MOST))
    })
    for (const id of wanted) if (!recents.value.has(id) && !inSight.includes(id)) wanted.delete(id)
  } catch {
    // Without them a row has no sparkline; the next event of the job asks again.
  } finally {
    reading = false
  }
  if (inSight.some(id => wanted.has(id))) void read()
}

export function followRecent(): void {
  heed(({ type, job_id }) => {
    if (job_id === undefined || !type.startsWith('run.')) return
    if (recents.value.has(job_id) || inSight.includes(job_id)) wanted.add(job_id)
  })
  every(TURN_MS, () => void read())
}
