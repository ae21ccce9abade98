/** Who has the job: adoption by several nodes, and moves of a dead node's jobs by several survivors, while a person
 *  places, moves or deletes it. The writes are those of the real adoption and the real moves. */
import { describe } from 'vitest'
import { evacuate } from '../../src/cluster/moves.ts'
import type { Job } from '../../src/job/job.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { each, fixed, type Model, type Steps } from './explore.ts'
import { aJob, reach } from './jobs.ts'
import { breaks, holds } from './pair.ts'
import { adoptionOf, type Command, noting, without } from './real.ts'

interface World {
  job: Job | null
  sent: Record<string, Command | 'done'>
  edits: number
  /** What the person said last; absent: nothing. */
  person?: { ip?: string; standby?: readonly string[] }
  wrong?: string
}

interface Rules {
  readonly job: Job
  readonly nodes: readonly string[]
  readonly command: (node: string, job: Job) => Promise<Command | undefined>
  readonly commandsWithout?: string
}

const gone = ({ ip: _, ...job }: Job) => job as Job

function world({ job, nodes, command, commandsWithout }: Rules): Model<World> {
  const steps = (name: string): Steps<World> => ({
    [`${name} writes`]: [
      s => s.sent[name] === undefined && s.job !== null && s.job.ip === job.ip,
      async s => {
        const made = await command(name, s.job as Job)
        if (made === undefined) s.sent[name] = 'done'
        else s.sent[name] = fixed({ ...made, filter: without(made.filter, commandsWithout ? [commandsWithout] : []) })
      },
    ],
    [`${name}'s write arrives`]: [
      s => typeof s.sent[name] === 'object',
      s => {
        const before = s.job
        const after = reach(before, s.sent[name] as Command)
        s.sent[name] = 'done'
        // What was read is out of date: the next look finds the job again.
        if (after === undefined) delete s.sent[name]
        if (after === undefined || after === null || before === null) return
        s.job = after
        if (before.ip !== job.ip) s.wrong = `${name} takes the job from ${before.ip}`
        else if (s.person?.standby !== undefined && !s.person.standby.includes(after.ip as string))
          s.wrong = `${name} moves the job to ${after.ip}, which is no standby node any more`
      },
    ],
  })
  return {
    start: { job, sent: {}, edits: 1 },
    steps: {
      ...each(nodes, steps),
      'person places it on c': [
        s => s.edits > 0 && s.job !== null,
        s => {
          s.edits--
          s.person = { ip: 'c' }
          s.job = fixed({ ...(s.job as Job), ip: 'c' })
        },
      ],
      'person deletes it': [
        s => s.edits > 0 && s.job !== null,
        s => {
          s.edits--
          s.job = null
        },
      ],
      'person names b alone for standby': [
        s => s.edits > 0 && Array.isArray(s.job?.standby),
        s => {
          s.edits--
          s.person = { standby: ['b'] }
          s.job = fixed({ ...(s.job as Job), standby: ['b'] })
        },
      ],
    },
    wrong: (s, quiet) => {
      if (s.wrong !== undefined || !quiet || s.job === null) return s.wrong
      return (s.job.ip ?? 'dead') === 'dead' ? 'nobody has the job' : undefined
    },
  }
}

const adoption = (job: Job): Rules => ({
  job,
  nodes: ['a', 'b', 'd'],
  command: async name => adoptionOf(job._id, name),
})

/** Two survivors that see other nodes living: each names another target. */
const moves = (job: Job): Rules => ({
  job,
  nodes: ['a', 'b'],
  command: async (name, read) => {
    const { commands, collection } = noting([read as never])
    await evacuate('dead', [{ _id: name === 'a' ? 'a' : 'b' }], {
      jobs: collection,
      writer: new Writer({ jobs: collection, by: { ip: name, incarnation: name } }),
    })
    return commands[0]
  },
})

const dead = aJob({ ip: 'dead', standby: 'any' })
const named = aJob({ ip: 'dead', standby: ['a', 'b'] })

describe('a job without a node', () => {
  holds('is adopted by one, whoever else tries', world(adoption(gone(aJob()))))
  holds('whose ip is null is adopted by one too', world(adoption({ ...aJob(), ip: null } as never)))
  breaks('is adopted only while it has none', world({ ...adoption(gone(aJob())), commandsWithout: 'ip' }), /takes/, 4)
})

describe('a job of a dead node', () => {
  holds('moves once, whoever else moves it', world(moves(dead)))
  holds('stays where a person changed its standby nodes since it was read', world(moves(named)))
  breaks(
    'stays where its standby nodes are others',
    world({ ...moves(named), commandsWithout: 'standby' }),
    /no standby/,
    3,
  )
  breaks('is moved only from there', world({ ...moves(dead), commandsWithout: 'ip' }), /takes/, 4)
})
