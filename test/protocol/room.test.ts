/** Room: what happens at `max_instances`: a claim that is refused ahead of its time, a run that `queue_one` lets wait,
 *  ends of runs and deaths of nodes in between. Orders, guards and finishes are those of the source. */
import { describe } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { each, fixed, type Model, type Steps } from './explore.ts'
import { aJob, anEntry, anOutcome, reach } from './jobs.ts'
import { breaks, holds } from './pair.ts'
import { type Command, claimOf, endsOf, memoryOf, minute, orderAt, queueOf, without } from './real.ts'

interface World {
  job: Job
  alive: boolean
  moved: boolean
  /** What the owners hold, and have sent. */
  owners: Record<'A' | 'B' | 'C', { seen?: Job; sent?: { command: Command; as: 'queue' | 'claim' } }>
  /** Times that were claimed after they waited. */
  ran: number
  queued: number
}

const ENTRY = anEntry('r1', 'other', 'other')

/** A owns the job until it dies, then B and C, two processes that both believe to own it. */
function owner(name: 'A' | 'B' | 'C', claimsWithout: readonly string[]): Steps<World> {
  const ip = name === 'A' ? 'a' : 'b'
  const of = (s: World) => s.owners[name]
  const may = (s: World) => (name === 'A' ? s.alive : s.moved)
  const orderOf = ({ seen }: World['owners']['A']) => {
    const { entry } = memoryOf(
      ip,
      fixed(seen ? [{ at: 1, change: { type: 'put', job: seen, from: 'read' } as const }] : []),
    )
    return entry && orderAt(entry, 1)
  }
  return {
    [`${name} reads`]: [s => may(s) && of(s).seen !== s.job, s => (of(s).seen = s.job)],
    [`${name} claims what is due`]: [
      s => may(s) && of(s).sent === undefined && orderOf(of(s)) !== undefined,
      s => {
        const order = orderOf(of(s))
        if (order === undefined) return
        const full = (of(s).seen?.state?.running?.length ?? 0) > 0
        const queue = full && order.kind === 'schedule'
        const { filter, update } = queue
          ? queueOf(order, ip, name)
          : claimOf(order, { ip, incarnation: name }, 1, `${name}.run`, name)
        const command = fixed({ filter: without(filter, claimsWithout), update: update as never })
        of(s).sent = { command, as: queue ? 'queue' : 'claim' }
      },
    ],
    [`${name}'s write arrives`]: [
      s => of(s).sent !== undefined,
      s => {
        const { command, as } = of(s).sent as { command: Command; as: 'queue' | 'claim' }
        delete of(s).sent
        const after = reach(s.job, command)
        if (after === undefined || after === null) return
        s.job = after
        if (as === 'queue') s.queued++
        else s.ran++
      },
    ],
  }
}

/** Nothing was done yet. */
const atFirst = () => ({ alive: true, moved: false, owners: { A: {}, B: {}, C: {} }, ran: 0, queued: 0 })

const waiting = (claimsWithout: readonly string[] = []): Model<World> => ({
  start: {
    job: fixed(aJob({ overlap: 'queue_one', trigger: { type: 'date', run_date: minute(1) } }, { running: [ENTRY] })),
    ...atFirst(),
  },
  steps: {
    ...each(['A', 'B', 'C'] as const, name => owner(name, claimsWithout)),
    'a run ends': [
      s => s.job.state?.running?.[0],
      async s => {
        const [pull] = endsOf(anOutcome(s.job, s.job.state?.running?.[0]?.run_id as string), 'f')
        s.job = reach(s.job, pull as Command) ?? s.job
      },
    ],
    'A dies': [s => s.alive, s => (s.alive = false)],
    'the job moves': [
      s => !s.alive && !s.moved,
      s => {
        s.moved = true
        s.job = fixed({ ...s.job, ip: 'b' })
      },
    ],
  },
  wrong: (s, quiet) => {
    if (s.ran > 1) return 'one due time is run twice'
    if (s.queued > 1) return 'one due time is queued twice'
    return quiet && s.ran === 0 ? 'a run that waits is forgotten' : undefined
  },
})

interface Ahead {
  now: number
  running: boolean
  answer: 'none' | 'claimed' | 'skipped'
}

/** Due at 2, claimed from 1 on; the run before it ends at 2. */
const ahead = (triesAgain: boolean): Model<Ahead> => ({
  start: { now: 0, running: true, answer: 'none' },
  steps: {
    'a moment passes': [s => s.now < 3, s => s.now++],
    'the run before it ends': [s => s.running && s.now >= 1, s => (s.running = false)],
    'A claims': [s => s.answer === 'none' && s.now >= 1 && !s.running, s => (s.answer = 'claimed')],
    'A is refused, and skips': [
      s => s.answer === 'none' && s.now >= 1 && s.running && (!triesAgain || s.now >= 2),
      s => (s.answer = 'skipped'),
    ],
  },
  wrong: s => (s.answer === 'skipped' && s.now < 2 ? 'skipped for want of room before its time' : undefined),
})

/** A queued run has room; a person may pause the job, and resume it later. */
const paused = (claimsWithout: readonly string[] = []): Model<World & { paused?: boolean; ghost?: boolean }> => {
  const state = { waiting: { run_time: minute(1) }, planned: { next_run_time: minute(5), trigger: '' } }
  return {
    start: {
      job: fixed(aJob({ overlap: 'queue_one', next_run_time: minute(5) }, state)),
      ...atFirst(),
    },
    steps: {
      ...owner('A', claimsWithout),
      'a person pauses the job': [
        s => s.paused === undefined && s.ran === 0,
        s => {
          s.paused = true
          s.job = fixed({ ...s.job, next_run_time: null })
        },
      ],
      'a person resumes the job': [
        s => s.paused === true,
        s => {
          s.paused = false
          s.job = fixed({ ...s.job, next_run_time: minute(6) })
        },
      ],
    },
    wrong: (s, quiet) => {
      if (s.paused === true && s.ran > 0) return 'a queued run starts after the pause'
      return quiet && s.ran === 0 ? 'a run that waits is forgotten' : undefined
    },
  }
}

describe('a run that waits for another one', () => {
  holds('runs once, whichever node dies when', waiting())
  holds('waits while its job is paused', paused())
  breaks('waits while its job is paused', paused(['next_run_time']), /after the pause/, 4)
  breaks('is claimed while it still waits', waiting(['state.waiting']), /run twice/, 16)
})

describe('a claim ahead of its time', () => {
  holds('is final only when its time has come', ahead(true))
  breaks('is final only when its time has come', ahead(false), /want of room/, 2)
})
