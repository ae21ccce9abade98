/** Status: what a job, a run and a node are, each by one word, one colour and one shape.
 *  In: documents and rows. Out: a Status. Disc: it runs. Square: it broke. Diamond: it did not run. Strokes: at rest.
 *  The words are the only ones the page has for these things. */
import type { Job, Node, RunStatus } from '../shapes.ts'

export type Colour = 'ok' | 'bad' | 'warn' | 'now' | 'rest'

export type Shape =
  | 'ring'
  | 'half'
  | 'tick'
  | 'cross'
  | 'hands'
  | 'slash'
  | 'exclamation'
  | 'diamond'
  | 'diamond-bar'
  | 'diamond-exclamation'
  | 'diamond-hands'
  | 'bars'
  | 'struck'
  | 'hollow'
  | 'down'

export interface Status {
  readonly word: string
  readonly colour: Colour
  readonly shape: Shape
}

export type JobStatus = 'stranded' | 'invalid' | 'running' | 'paused' | 'over' | 'scheduled' | 'new'

export const JOB_STATUSES: Readonly<Record<JobStatus, Status & { readonly means: string }>> = {
  stranded: {
    word: 'stranded',
    colour: 'warn',
    shape: 'diamond-exclamation',
    means: 'its node is dead or unknown, and no other may take it',
  },
  running: { word: 'running', colour: 'now', shape: 'half', means: 'has a run in progress' },
  paused: { word: 'paused', colour: 'rest', shape: 'bars', means: 'by a person, or after failures' },
  invalid: { word: 'invalid', colour: 'bad', shape: 'exclamation', means: 'the document cannot be scheduled' },
  over: { word: 'over', colour: 'rest', shape: 'hollow', means: 'no further run' },
  scheduled: { word: 'scheduled', colour: 'rest', shape: 'ring', means: 'waits for its next run' },
  new: { word: 'new', colour: 'rest', shape: 'ring', means: 'no node has planned it yet' },
}

export const RUN_STATUSES: Readonly<Record<RunStatus, Status>> = {
  started: { word: 'running', colour: 'now', shape: 'half' },
  executed: { word: 'executed', colour: 'ok', shape: 'tick' },
  error: { word: 'error', colour: 'bad', shape: 'cross' },
  timeout: { word: 'timeout', colour: 'bad', shape: 'hands' },
  interrupted: { word: 'interrupted', colour: 'bad', shape: 'slash' },
  missed: { word: 'missed', colour: 'warn', shape: 'diamond' },
  max_instances: { word: 'refused', colour: 'warn', shape: 'diamond-bar' },
  cancelled: { word: 'cancelled', colour: 'rest', shape: 'struck' },
}

export const FAILED: readonly RunStatus[] = ['error', 'timeout', 'interrupted']

export const runStatusOf = (status: string): Status =>
  RUN_STATUSES[status as RunStatus] ?? { word: status, colour: 'rest', shape: 'hollow' }

export const NODE_STATUSES = {
  active: { word: 'active', colour: 'ok', shape: 'tick' },
  paused: { word: 'paused', colour: 'rest', shape: 'bars' },
  draining: { word: 'draining', colour: 'now', shape: 'down' },
  stopped: { word: 'stopped', colour: 'rest', shape: 'hollow' },
  dead: { word: 'dead', colour: 'bad', shape: 'cross' },
} as const satisfies Readonly<Record<string, Status>>

/** A person's wish counts from the moment it is written. */
export function nodeStatusOf(node: Pick<Node, 'living' | 'status' | 'wanted'>): Status {
  if (node.status === 'stopped') return NODE_STATUSES.stopped
  if (!node.living) return NODE_STATUSES.dead
  if (node.wanted === 'draining' || node.status === 'draining') return NODE_STATUSES.draining
  if (node.wanted === 'paused' || node.status === 'paused') return NODE_STATUSES.paused
  return NODE_STATUSES.active
}

/** Whether jobs may be moved there without being stranded. */
export const takesJobs = (node: Node): boolean => ['active', 'paused'].includes(nodeStatusOf(node).word)

/** The nodes as the page knows them; undefined while it does not. */
export type Nodes = readonly Node[] | undefined

/** The most telling one, where several hold. */
export function jobStatusOf(job: Job, nodes: Nodes): JobStatus {
  if (job.state?.error !== undefined) return 'invalid'
  if (isStranded(job, nodes)) return 'stranded'
  if ((job.state?.running?.length ?? 0) > 0) return 'running'
  if (job.state?.over === true) return 'over'
  if (job.next_run_time === null) return 'paused'
  return job.next_run_time === undefined ? 'new' : 'scheduled'
}

function isStranded(job: Job, nodes: Nodes): boolean {
  if (nodes === undefined || job.ip === undefined || job.next_run_time === null) return false
  const lives = (ip: string) => nodes.some(node => node._id === ip && node.living)
  if (lives(job.ip)) return false
  const standby = job.standby ?? (job.state?.placed === true ? 'any' : [])
  return standby === 'any' ? !nodes.some(takesJobs) : !standby.some(lives)
}

/** Why it has no next run, or why that cannot be relied on; undefined: it has one. */
export function reasonOf(job: Job, status: JobStatus): string | undefined {
  switch (status) {
    case 'invalid':
      return job.state?.error ?? 'cannot be scheduled'
    case 'over':
      return (job.state?.running?.length ?? 0) > 0 ? 'last run still going' : 'no further run'
    case 'new':
      return 'not planned yet'
    case 'paused':
    case 'running':
    case 'scheduled':
      if (job.next_run_time !== null) return undefined
      if (job.note !== undefined) return job.note
      return job.state?.paused_by === undefined
        ? 'paused'
        : `paused after ${job.state.failures ?? 'several'} failed runs`
    default:
      return undefined
  }
}
