/** Commands: what the palette offers for a few words.
 *  In: the words, the nodes, jobs found by them, what one may do. Out: lines by group: do, go, jobs, copy. "move inv 12" is a verb,
 *  then a job, then a node: each further word narrows. Pure but for what a line does when it is chosen. */
import { go, pathOf } from '../address.ts'
import type { BulkAction, Job } from '../shapes.ts'
import { definitionLine } from '../words/mongosh.ts'
import { scheduleWords } from '../words/schedule.ts'
import { JOB_STATUSES, jobStatusOf, type Nodes, nodeStatusOf, type Status, takesJobs } from '../words/status.ts'
import { counted } from '../words/time.ts'
import { perform, VERBS } from './acts.ts'
import { pickUp } from './hand.ts'
import type { Rights } from './me.ts'
import { PLACES } from './places.ts'
import { copy } from './said.ts'
import { listPath } from './search.ts'

export interface Command {
  readonly group: 'Do' | 'Where to' | 'Go' | 'Jobs' | 'Copy'
  readonly text: string
  readonly about?: string
  readonly status?: Status
  readonly key?: string
  readonly run: () => void
}

const ACTIONS: readonly BulkAction[] = ['pause', 'resume', 'run', 'move', 'cancel']

/** The verb that a line begins with, and the rest by which jobs are found. */
export function verbOf(line: string): { readonly verb: BulkAction | undefined; readonly words: string } {
  const [first = '', ...rest] = line.trim().split(/\s+/)
  const verb = first.length > 1 ? ACTIONS.find(action => action.startsWith(first.toLowerCase())) : undefined
  return verb === undefined ? { verb, words: line.trim() } : { verb, words: rest.join(' ') }
}

export interface Around {
  readonly nodes: Nodes
  readonly jobs: readonly Job[]
  readonly rights: Rights
  readonly now: number
}

const MOST_JOBS = 6
const MOST_DONE = 3

export function commands(line: string, around: Around): readonly Command[] {
  const { verb, words } = verbOf(line)
  const { jobs, rights } = around
  return [
    ...(rights.operate && verb !== undefined ? jobs.slice(0, MOST_DONE).map(job => doing(verb, job, around)) : []),
    ...(rights.operate && verb === 'move' ? jobs.slice(0, 1).flatMap(job => targetsOf(job, around)) : []),
    ...(verb === undefined ? places(words, around) : []),
    ...jobs.slice(0, MOST_JOBS).map(job => jobCommand(job, around)),
    ...(words === '' ? [] : jobs.slice(0, 1).map(copying)),
  ]
}

function doing(verb: BulkAction, job: Job, { nodes = [] }: Around): Command {
  const status = JOB_STATUSES[jobStatusOf(job, nodes)]
  if (verb !== 'move') {
    const run = () => void perform({ jobs: [job] }, { action: verb })
    const about = verb === 'run' || verb === 'cancel' ? 'cannot be undone' : (job.ip ?? '')
    return { group: 'Do', text: `${VERBS[verb].verb} ${job._id}`, about, status, run }
  }
  return {
    group: 'Do',
    text: `Move ${job._id} to…`,
    about: job.ip === undefined ? 'on no node' : `on ${job.ip}`,
    status,
    run: () => pickUp([job]),
  }
}

const targetsOf = (job: Job, { nodes = [] }: Around): Command[] =>
  nodes
    .filter(node => takesJobs(node) && node._id !== job.ip)
    .map(node => ({
      group: 'Where to',
      text: node._id,
      about: `${counted(node.jobs ?? 0, 'job')}, ${node.running ?? 0} running; takes ${job._id}`,
      status: nodeStatusOf(node),
      run: () => void perform({ jobs: [job] }, { action: 'move', ip: node._id }),
    }))

function places(words: string, { nodes = [], rights }: Around): Command[] {
  const all: Command[] = [
    ...PLACES.map(({ name, path, key }): Command => ({ group: 'Go', text: name, key, run: () => go(path) })),
    ...(rights.change ? [{ group: 'Go', text: 'New job', key: 'n', run: () => go('/new') } as const] : []),
    ...nodes.map(
      (node): Command => ({
        group: 'Go',
        text: `Jobs of ${node._id}`,
        about: counted(node.jobs ?? 0, 'job'),
        status: nodeStatusOf(node),
        run: () => go(listPath({ ip: node._id })),
      }),
    ),
    ...(['stranded', 'invalid', 'paused', 'running'] as const).map(
      (name): Command => ({
        group: 'Go',
        text: `${JOB_STATUSES[name].word} jobs`,
        about: JOB_STATUSES[name].means,
        status: JOB_STATUSES[name],
        run: () => go(listPath({ status: name })),
      }),
    ),
  ]
  return all.filter(({ text }) => text.toLowerCase().includes(words.toLowerCase())).slice(0, 12)
}

const jobCommand = (job: Job, { nodes, now }: Around): Command => ({
  group: 'Jobs',
  text: job._id,
  about: scheduleWords(job.trigger, now),
  status: JOB_STATUSES[jobStatusOf(job, nodes)],
  run: () => go(pathOf('jobs', job._id)),
})

const copying = (job: Job): Command => ({
  group: 'Copy',
  text: 'As mongosh',
  about: definitionLine(job).replace(/\s+/g, ' '),
  run: () => void copy(definitionLine(job)),
})
