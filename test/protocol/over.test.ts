/** The end of a finite job: its last finish deletes the document, unless a person armed it again at any moment.
 *  The plan, the finish and the deletion are those of the source: the document goes with its last entry, or where that does not match
 *  the entry goes first. */
import { describe } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { fixed, type Model } from './explore.ts'
import { aJob, anEntry, anOutcome, EVERY_OTHER, plannedFor, reach } from './jobs.ts'
import { breaks, holds } from './pair.ts'
import { type Command, endsOf, lastOf, minute, without } from './real.ts'

interface World {
  job: Job | null
  /** The writes of the finish that have not arrived: the document goes with its entry, or else the entry, then the document. */
  writes: Command[]
  edits: string[]
  wrong?: string
}

const over = aJob({ next_run_time: null }, { over: true, running: [anEntry('r1')], planned: plannedFor(null) })

const EDITS: Readonly<Record<string, (job: Job) => Job>> = {
  'person unsets next_run_time': ({ next_run_time: _, ...job }) => job as Job,
  'person orders a time': job => ({ ...job, next_run_time: minute(2) }),
  'person sets another trigger': job => ({ ...job, trigger: EVERY_OTHER }),
  'person orders an extra run': job => ({ ...job, run_at: [minute(1)] }),
  'another run of it goes on': job => ({
    ...job,
    state: { ...job.state, running: [...(job.state?.running ?? []), anEntry('r2')] },
  }),
}

type Change = (filter: Command['filter']) => Command['filter']

/** `weaken`: what becomes of the filter of the deletion. `atOnce`: it is tried with the entry first. */
const world = (weaken: Change = filter => filter, atOnce = true): Model<World> => ({
  start: { job: over, writes: [], edits: [] },
  steps: {
    'the run ends': [
      s => s.writes.length === 0 && s.job?.state?.running?.[0]?.run_id === 'r1',
      async s => {
        const outcome = anOutcome(over, 'r1')
        const [pull, remove] = endsOf(outcome, 'f')
        const last = fixed({ filter: weaken(lastOf(outcome).filter) })
        s.writes = [
          ...(atOnce ? [last] : []),
          fixed(pull as Command),
          fixed({ filter: weaken((remove as Command).filter) }),
        ]
      },
    ],
    'its entry goes': [
      s => s.writes.length === 2,
      s => {
        s.job = reach(s.job, s.writes.shift() as Command) ?? s.job
      },
    ],
    'the deletion arrives': [
      s => s.writes.length === 1 || s.writes.length === 3,
      s => {
        if (reach(s.job, s.writes.shift() as Command) !== null) return
        s.job = null
        s.writes = []
        if (s.edits.length > 0) s.wrong = `deleted, although ${s.edits[0]}`
      },
    ],
    ...Object.fromEntries(
      Object.entries(EDITS).map(([name, edit]) => [
        name,
        [
          (s: World) => s.edits.length === 0 && s.job !== null,
          (s: World) => {
            s.edits.push(name)
            s.job = fixed(edit(s.job as Job))
          },
        ] as const,
      ]),
    ),
  },
  wrong: (s, quiet) => {
    if (s.wrong !== undefined) return s.wrong
    return quiet && s.job !== null && s.edits.length === 0 ? 'it stays for ever' : undefined
  },
})

const drop =
  (condition: string): Change =>
  filter =>
    without(filter, [condition])

describe.each([true, false])('the deletion of a job that is over, with its last entry: %s', atOnce => {
  holds('leaves alone what a person armed again', world(undefined, atOnce))
  breaks('asks for a null next_run_time', world(drop('next_run_time'), atOnce), /orders a time|unsets/, 4)
  breaks(
    'asks for null by its type, which an absent one is not',
    world(filter => ({ ...filter, next_run_time: null }), atOnce),
    /unsets/,
    4,
  )
  breaks('asks for the trigger', world(drop('trigger'), atOnce), /another trigger/, 4)
  breaks('asks for no extra run', world(drop('run_at'), atOnce), /extra run/, 4)
  breaks('asks for no other run', world(drop('state.running'), atOnce), /another run/, 4)
})
