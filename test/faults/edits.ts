/** Edits: what people do to the jobs of a plan all the while, and a thousand times a second in a storm.
 *  In: a seed's numbers, jobs, storms. Out: edits by time. Edits to each job follow one another; pauses are resumed and deletions
 *  undone. */
import { aTrigger, type Edit, type EditKind, type Fault, type JobPlan, type Random } from './plan.ts'

/** Jobs of a storm for each edit a second in it: 1,000 edits a second beside 10,000 jobs. */
const JOBS_AN_EDIT = 10

/** Edits to each job follow one another; pauses are resumed and deletions undone. */
export function editsOf(
  r: Random,
  jobs: readonly JobPlan[],
  nodes: number,
  to: number,
  perSecond: number,
  storms: readonly Fault[],
): readonly Edit[] {
  const edits: Edit[] = []
  const freeAt = new Map<string, number>()
  const coming = [...storms]
  for (let at = 6_000; perSecond > 0 && at < to; at += Math.max(1, -Math.log(1 - r.next()) * (1_000 / perSecond))) {
    const when = Math.floor(at)
    if (coming[0] !== undefined && when > coming[0].at) {
      const storm = coming.shift() as Fault
      const calm = jobs.filter(({ _id }) => (freeAt.get(_id) ?? 0) <= when)
      edits.push(...stormOf(r, { ...storm, at: when }, calm, nodes))
      for (const { _id } of calm) freeAt.set(_id, when + storm.ms + 1_500)
    }
    const job = r.pick(jobs)
    if ((freeAt.get(job._id) ?? 0) > when) continue
    const marked = r.chance(0.5)
    const base = { at: when, job: job._id, marked }
    const kind = r.pick<EditKind>([
      'args',
      'args',
      'move',
      'move',
      'pause',
      'trigger',
      'order',
      'extra',
      'delete',
      'tags',
      'place',
    ])
    let until = when + 1_500
    if (kind === 'move') {
      const node = r.between(0, nodes - 1)
      edits.push({ ...base, kind, node })
      // In a circle, sometimes: a → b → c → a.
      if (r.chance(0.2)) {
        edits.push({ ...base, at: when + 40, kind, node: (node + 1) % nodes })
        edits.push({ ...base, at: when + 90, kind, node: (node + 2) % nodes })
      }
    } else if (kind === 'place') {
      if (job.standby !== undefined) continue
      edits.push({ ...base, kind })
    } else if (kind === 'pause' || kind === 'delete') {
      until = when + r.between(2_000, 9_000)
      edits.push({ ...base, kind })
      const back = kind === 'pause' ? 'resume' : 'insert'
      edits.push({
        ...base,
        at: until,
        kind: back,
        ...(back === 'insert' && { trigger: aTrigger(r), node: r.between(0, nodes - 1) }),
      })
      until += 1_500
    } else if (kind === 'trigger') {
      edits.push({ ...base, kind, trigger: aTrigger(r) })
    } else edits.push({ ...base, kind })
    freeAt.set(job._id, until)
  }
  return edits.sort((a, b) => a.at - b.at)
}

/** Many edits a second: each job in turn is moved in a circle, a → b → c → a, and changed in between. */
function stormOf(r: Random, { at, ms, amount = 0 }: Fault, jobs: readonly JobPlan[], nodes: number): readonly Edit[] {
  const step = (1_000 * JOBS_AN_EDIT) / amount
  const count = jobs.length === 0 ? 0 : Math.floor(ms / step)
  const circle = Math.min(3, nodes)
  return Array.from({ length: count }, (_, i): Edit => {
    const { _id, node = 0 } = jobs[i % jobs.length] as JobPlan
    const round = Math.floor(i / jobs.length)
    const base = { at: at + Math.floor(i * step), job: _id, marked: r.chance(0.5) }
    if (round % 2 === 0) return { ...base, kind: 'move', node: (node + 1 + round / 2) % circle }
    const kind = r.pick<EditKind>(['args', 'tags', 'trigger'])
    return { ...base, kind, ...(kind === 'trigger' && { trigger: aTrigger(r) }) }
  })
}
