/** Edits: what people do to the jobs of a plan all the while, and a thousand times a second in a storm.
 *  In: a seed's numbers, jobs, storms. Out: edits by time. Edits to each job follow one another; pauses are resumed, deletions
 *  undone, copies deleted; jobs that fail until they are paused are resumed now and then. */
import { aTrigger, type Edit, type EditKind, type Fault, type JobPlan, type Random } from './plan.ts'

/** Jobs of a storm for each edit a second in it: 1,000 edits a second beside 10,000 jobs. */
const JOBS_AN_EDIT = 10
/** So many attempts fail: each one. */
export const ALWAYS = 99
/** A job that fails until it is paused is resumed after about so long. */
const RESUME_MS = 20_000
/** A body that is over before a person can look. */
const BRIEF_MS = 100

const KINDS: readonly EditKind[] = [
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
]
/** Of whole documents. What is written back takes the place of entries of runs that go on: only where these are brief. */
const WHOLE: readonly EditKind[] = ['write-back', 'write-back', 'replace-back', 'replace', 'insert']
/** Jobs that may be paused for their failures: when they are due is told by that. */
const OF_FAILING: readonly EditKind[] = ['args', 'tags', 'move']

function kindOf(r: Random, { body, more }: JobPlan): EditKind {
  if (more.pause_after_failures !== undefined) return r.pick(OF_FAILING)
  if (body > BRIEF_MS) return r.chance(0.25) ? 'cancel' : r.pick(KINDS)
  return r.chance(0.3) ? r.pick(WHOLE) : r.pick(KINDS)
}

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
  let copies = 0
  const aNode = (job: JobPlan) => (job.nodes === undefined ? r.between(0, nodes - 1) : r.pick(job.nodes))
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
    const kind = kindOf(r, job)
    let until = when + 1_500
    if (kind === 'move') {
      const node = aNode(job)
      edits.push({ ...base, kind, node })
      // In a circle, sometimes: a → b → c → a.
      if (r.chance(0.2) && job.nodes === undefined) {
        edits.push({ ...base, at: when + 40, kind, node: (node + 1) % nodes })
        edits.push({ ...base, at: when + 90, kind, node: (node + 2) % nodes })
      }
    } else if (kind === 'place') {
      if (job.standby !== undefined || job.nodes !== undefined) continue
      edits.push({ ...base, kind })
    } else if (kind === 'pause' || kind === 'delete') {
      until = when + r.between(2_000, 9_000)
      edits.push({ ...base, kind })
      const back = kind === 'pause' ? 'resume' : 'insert'
      edits.push({
        ...base,
        at: until,
        kind: back,
        ...(back === 'insert' && { trigger: aTrigger(r), node: aNode(job) }),
      })
      until += 1_500
    } else if (kind === 'trigger') {
      edits.push({ ...base, kind, trigger: aTrigger(r) })
    } else if (kind === 'cancel') {
      edits.push({ ...base, kind, of: r.chance(0.5) ? 'all' : 'oldest' })
    } else if (kind === 'write-back' || kind === 'replace-back') {
      const age = r.between(50, 5_000)
      edits.push({ ...base, kind, age })
      until += age
    } else if (kind === 'replace') {
      edits.push({ ...base, kind, trigger: aTrigger(r), node: aNode(job) })
    } else if (kind === 'insert') {
      const copy = `${job._id}-c${copies++}`
      edits.push({ ...base, job: copy, kind, copyOf: job._id })
      edits.push({ at: when + r.between(8_000, 15_000), job: copy, kind: 'delete', marked: false })
    } else edits.push({ ...base, kind })
    freeAt.set(job._id, until)
  }
  if (perSecond > 0) edits.push(...resumes(r, jobs, to))
  return edits.sort((a, b) => a.at - b.at)
}

function resumes(r: Random, jobs: readonly JobPlan[], to: number): readonly Edit[] {
  return jobs
    .filter(({ fail }) => fail === ALWAYS)
    .flatMap(({ _id: job }) => {
      const all: Edit[] = []
      for (let at = 10_000 + r.between(0, RESUME_MS); at < to; at += RESUME_MS + r.between(0, RESUME_MS))
        all.push({ at, job, kind: 'resume', marked: r.chance(0.5) })
      return all
    })
}

/** Many edits a second: each job in turn is moved in a circle, a → b → c → a, and changed in between. */
function stormOf(r: Random, { at, ms, amount = 0 }: Fault, jobs: readonly JobPlan[], nodes: number): readonly Edit[] {
  const step = (1_000 * JOBS_AN_EDIT) / amount
  const count = jobs.length === 0 ? 0 : Math.floor(ms / step)
  return Array.from({ length: count }, (_, i): Edit => {
    const job = jobs[i % jobs.length] as JobPlan
    const { _id, node = 0, nodes: own = Array.from({ length: Math.min(3, nodes) }, (_, k) => k) } = job
    const round = Math.floor(i / jobs.length)
    const base = { at: at + Math.floor(i * step), job: _id, marked: r.chance(0.5) }
    if (round % 2 === 0) return { ...base, kind: 'move', node: own[(node + 1 + round / 2) % own.length] as number }
    const kind = r.pick<EditKind>(
      job.more.pause_after_failures !== undefined ? ['args', 'tags'] : ['args', 'tags', 'trigger'],
    )
    return { ...base, kind, ...(kind === 'trigger' && { trigger: aTrigger(r) }) }
  })
}
