/** What becomes of a run whose node dies at any moment: the writes are those of the real finish and the real recovery.
 *  A node runs it, fails, waits for the next attempt, and may die between any two steps; two takers look at the same time. */
import { describe } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { each, fixed, type Model, type Steps } from './explore.ts'
import { aJob, anEntry, anOutcome, reach } from './jobs.ts'
import { breaks, holds } from './pair.ts'
import { beginOf, type Command, endsOf, minute, recovery } from './real.ts'

interface Taker {
  command?: Command
  /** What follows where the command won: the run goes on as this one. */
  again?: string
  /** Stored as interrupted, before the entry goes. */
  interrupted?: string
  looked: number
}

interface World {
  job: Job
  /** The run on the node that may die: its id and where it is. */
  run: { id: string; at: 'running' | 'ended' | 'waiting' | 'beginning' | 'stored' }
  begin?: Command | undefined
  /** An attempt that began in the document, and not on A: its lease was lost by then. */
  fenced?: string | undefined
  alive: boolean
  moved: boolean
  rows: string[]
  /** A's first attempt failed and has its row: another one is due, whatever becomes of A. */
  failed: boolean
  pulls: Command[]
  began: string[]
  /** What dead runs were run again, one for each time. */
  reruns: string[]
  takers: Record<'S' | 'T', Taker>
  wrong?: string
}

interface Rules {
  readonly on_interrupt: 'skip' | 'rerun'
  readonly retry?: boolean
  readonly pullsFirst?: boolean
  /** The entry of an attempt that begins still says that it waits. */
  readonly beginsUnsaid?: boolean
  readonly looksAtNoRows?: boolean
  /** The row of a failed attempt is taken for the end of its run. */
  readonly takesFailedForEnded?: boolean
  /** A taker's write goes out for any entry of the job. */
  readonly takesAnyEntry?: boolean
  /** A taker's write goes out for the run, whether or not it has begun since it was read. */
  readonly takesTheBegun?: boolean
  /** Entries of a node that merely stopped answering are taken for dead. */
  readonly takesTheLiving?: boolean
}

const retryOf = (rules: Rules, id: string) =>
  rules.retry && id === 'r1' ? { status: 'error' as const, next: { run_id: 'r1.2', at: minute(1) } } : {}

function node(rules: Rules): Steps<World> {
  const storesRow: Steps<World> = {
    'A stores the row': [
      s => s.alive && s.run.at === 'ended' && !s.rows.includes(s.run.id) && (!rules.pullsFirst || s.pulls.length === 0),
      s => {
        s.rows.push(s.run.id)
        s.failed ||= retryOf(rules, s.run.id).next !== undefined
      },
    ],
  }
  return {
    ...storesRow,
    "A's function ends": [
      s => s.alive && s.run.at === 'running',
      s => {
        s.run.at = 'ended'
        const [pull] = endsOf(anOutcome(s.job, s.run.id, retryOf(rules, s.run.id)), 'A')
        s.pulls = [fixed(pull as Command)]
      },
    ],
    "A's end of the run arrives": [
      s => s.alive && s.run.at === 'ended' && s.pulls.length > 0 && (rules.pullsFirst || s.rows.includes(s.run.id)),
      s => {
        s.job = reach(s.job, s.pulls.pop() as Command) ?? s.job
        const next = retryOf(rules, s.run.id).next?.run_id
        if (next !== undefined) s.run = { id: next, at: 'waiting' }
        else if (!rules.pullsFirst) s.run.at = 'stored'
      },
    ],
    'A begins the next attempt': [
      s => s.alive && s.run.at === 'waiting',
      s => {
        s.run.at = 'beginning'
        s.begin = fixed(beginOf(s.job, s.run.id, 'a1', 'A'))
      },
    ],
    "A's beginning arrives, and the attempt starts where A lives": [
      s => s.begin !== undefined,
      s => {
        const after = rules.beginsUnsaid ? s.job : reach(s.job, s.begin as Command)
        s.begin = undefined
        if (after === undefined || after === null) return
        s.job = after
        if (!s.alive) {
          s.fenced = s.run.id
          return
        }
        s.run.at = 'running'
        s.began.push(s.run.id)
      },
    ],
    'A, which only lost its lease, tells of the attempt that does not start': [
      s => s.fenced !== undefined && !s.rows.includes(s.fenced),
      s => {
        s.rows.push(s.fenced as string)
      },
    ],
    'A dies': [
      s => s.alive,
      s => {
        s.alive = false
      },
    ],
    'a survivor closes its lease, the job moves': [
      s => !s.moved && (!s.alive || rules.takesTheLiving),
      s => {
        s.moved = true
        s.job = fixed({ ...s.job, ip: 'b' })
      },
    ],
  }
}

function taker(rules: Rules, name: 'S' | 'T'): Steps<World> {
  const of = (s: World) => s.takers[name]
  return {
    [`${name} looks`]: [
      s => s.moved && of(s).command === undefined && of(s).looked < 2,
      async s => {
        of(s).looked++
        const mine = [...s.reruns.map((_, i) => `again${i}`)]
        const statusOf = (id: string) => (s.failed && id === 'r1' ? 'error' : 'executed')
        const seen = s.rows.map(_id => ({ _id, status: statusOf(_id) }))
        const rows = rules.looksAtNoRows ? [] : rules.takesFailedForEnded ? s.rows : seen
        const run = `again${s.reruns.length}`
        const owner = { ip: 'b', incarnation: 'b1', incarnations: { a: 'closed', b: 'b1' }, rows, mine, newRun: run }
        const { commands, said } = await recovery(s.job, owner)
        const [first] = commands
        const [what] = said
        if (first !== undefined) {
          of(s).command = fixed(rules.takesAnyEntry ? widened(first) : rules.takesTheBegun ? unasked(first) : first)
          if ('$set' in (first.update ?? {}) && JSON.stringify(first.update).includes(run)) of(s).again = run
        } else if (what?.type === 'interrupted') {
          of(s).interrupted = what.outcome.entry.run_id
          of(s).command = fixed(endsOf(what.outcome, name)[0] as Command)
        }
      },
    ],
    [`${name}'s write arrives`]: [
      s => of(s).command !== undefined,
      s => {
        const { command, again, interrupted } = of(s)
        s.takers[name] = { looked: of(s).looked }
        // The row comes before the entry goes.
        if (interrupted !== undefined && !s.rows.includes(interrupted)) s.rows.push(interrupted)
        const dead = s.job.state?.running?.[0]
        const after = reach(s.job, command as Command)
        if (after === undefined || after === null) return
        s.job = after
        if (again === undefined || dead === undefined) return
        const asked = rules.on_interrupt === 'rerun'
        const failed = s.failed && dead.run_id === 'r1'
        if (s.rows.includes(dead.run_id) && !failed) s.wrong = 'a finished run is run again'
        else if (s.run.id === dead.run_id && s.alive && s.run.at === 'running') s.wrong = 'a living run is run again'
        else if (s.fenced === dead.run_id && !asked) s.wrong = 'a run that is told as interrupted is run again'
        else if (dead.incarnation === 'b1') s.wrong = 'one dead run is run again twice'
        else if (s.began.includes(dead.run_id) && !asked && !failed)
          s.wrong = 'a run that nobody wants again is run again'
        s.reruns.push(dead.run_id)
        if (s.began.includes(dead.run_id) && asked && !failed) s.rows.push(dead.run_id)
      },
    ],
  }
}

/** The same for whatever entry stands there. */
const widened = ({ filter, update }: Command): Command => ({
  filter: 'state.running' in filter ? { ...filter, 'state.running': { $elemMatch: { job: 'job' } } } : filter,
  ...(update !== undefined && { update }),
})

/** The same whether or not the entry waits. */
function unasked({ filter, update }: Command): Command {
  const { $elemMatch } = (filter['state.running'] ?? {}) as { $elemMatch?: Record<string, unknown> }
  if ($elemMatch === undefined || update === undefined) return { filter, ...(update && { update }) }
  const { retry_at: _, ...run } = $elemMatch
  return { filter: { ...filter, 'state.running': { $elemMatch: run } }, update }
}

function world(rules: Rules): Model<World> {
  const { on_interrupt } = rules
  const retry = rules.retry === true && { retry: { max_attempts: 2, delay: 60 } }
  return {
    start: {
      job: aJob({ on_interrupt, ...retry }, { running: [anEntry('r1')] }),
      run: { id: 'r1', at: 'running' },
      alive: true,
      moved: false,
      rows: [],
      failed: false,
      pulls: [],
      began: ['r1'],
      reruns: [],
      takers: { S: { looked: 0 }, T: { looked: 0 } },
    },
    steps: { ...node(rules), ...each(['S', 'T'] as const, name => taker(rules, name)) },
    wrong: (s, quiet) => {
      if (s.wrong !== undefined || !quiet) return s.wrong
      if (s.failed && s.run.id === 'r1' && !s.reruns.includes('r1')) return 'the next attempt is lost'
      const silent = s.began.filter(id => !s.rows.includes(id))
      return silent.length > 0 ? `nothing tells what became of ${silent[0]}` : undefined
    },
  }
}

describe('a run whose node may die', () => {
  holds('is told as ended or interrupted, once', world({ on_interrupt: 'skip' }))
  holds('is run again once, where that is asked for, and never when it had ended', world({ on_interrupt: 'rerun' }))
  const again = { on_interrupt: 'rerun' } as const
  holds('is told as interrupted also in a later attempt', world({ on_interrupt: 'skip', retry: true }))
  breaks(
    'says that a later attempt begins',
    world({ on_interrupt: 'skip', retry: true, beginsUnsaid: true }),
    /nobody wants/,
    9,
  )
  breaks(
    'is taken over as it was read: waiting, or begun',
    world({ on_interrupt: 'skip', retry: true, takesTheBegun: true }),
    /told as interrupted/,
    10,
  )
  breaks(
    'goes on where a failed attempt has its row',
    world({ on_interrupt: 'skip', retry: true, takesFailedForEnded: true }),
    /next attempt is lost/,
    9,
  )
  breaks('has its row before its entry goes', world({ ...again, pullsFirst: true }), /nothing tells/, 12)
  breaks('is looked up in the history', world({ ...again, looksAtNoRows: true }), /a finished run/, 6)
  breaks('is taken over by its run id and dead incarnation', world({ ...again, takesAnyEntry: true }), /twice/, 7)
  breaks('is dead only when its node was closed', world({ ...again, takesTheLiving: true }), /a living run/, 4)
})
