/** The plan over time: no run time is claimed twice whatever the clock and the trigger do, what a person ordered and then
 *  changed is planned anew, and run times of an outage are lost by no crash. Roster, plan, order and claim are the source's. */
import { describe } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { fixed, type Model } from './explore.ts'
import { aJob, EVERY_MINUTE, EVERY_OTHER, plannedFor, reach } from './jobs.ts'
import { breaks, holds } from './pair.ts'
import { claimOf, memoryOf, minute, minuteOf, orderAt, planOf } from './real.ts'

interface World {
  now: number
  job: Job
  claimed: number[]
  edits: number
  steps: number
}

const BY = { ip: 'a', incarnation: 'a1' }
const seenAt = (job: Job, at: number) =>
  memoryOf('a', fixed([{ at, change: { type: 'put', job, from: 'read' } as const }]))

/** The owner plans by the document alone, as after a restart. */
async function plan(s: World): Promise<void> {
  const { plan: write } = seenAt(s.job, s.now)
  if (write !== undefined) s.job = reach(s.job, planOf(write, 'a', 'p')) ?? s.job
}

/** A run is claimed up to a minute ahead; the clock may be set back once; `forgets`: nobody knows what was claimed. */
function clock(forgets: boolean): Model<World> {
  const known = (job: Job): Job => {
    if (!forgets) return job
    const { claimed_to: _, ...state } = job.state ?? {}
    return fixed({ ...job, state } as Job)
  }
  return {
    start: {
      now: 1,
      job: fixed(aJob({ max_instances: 9, next_run_time: minute(2) }, { planned: plannedFor(minute(2)) })),
      claimed: [],
      edits: 2,
      steps: 1,
    },
    steps: {
      'A claims, up to a minute ahead': [
        s => orderAt(seenAt(s.job, s.now).entry as never, s.now + 1) !== undefined,
        s => {
          const order = orderAt(seenAt(s.job, s.now).entry as never, s.now + 1)
          if (order === undefined) return
          const after = reach(s.job, claimOf(order, BY, s.now, `r${s.claimed.length}`, 'c'))
          if (after === undefined || after === null) return
          s.job = known(after)
          s.claimed.push(minuteOf(order.run_time as number))
        },
      ],
      'a minute passes': [s => s.now < 4, s => s.now++],
      'the clock is set back by two minutes': [
        s => s.steps > 0 && s.now > 2,
        s => {
          s.steps--
          s.now -= 2
        },
      ],
      'person sets the other trigger, A plans': [
        s => s.edits > 0,
        async s => {
          s.edits--
          const other = s.job.trigger === EVERY_MINUTE ? EVERY_OTHER : EVERY_MINUTE
          s.job = fixed({ ...s.job, trigger: other })
          await plan(s)
        },
      ],
      'person unsets next_run_time, A plans': [
        s => s.edits > 0,
        async s => {
          s.edits--
          const { next_run_time: _, ...job } = s.job
          s.job = fixed(job as Job)
          await plan(s)
        },
      ],
    },
    wrong: s => (new Set(s.claimed).size < s.claimed.length ? 'one run time is claimed twice' : undefined),
  }
}

interface Edited {
  job: Job
  done: 'nothing' | 'ordered' | 'read' | 'trigger' | 'planned'
}

/** A person orders a time and, after the owner saw that, sets another trigger. */
const ordered = (acknowledges: boolean): Model<Edited> => {
  const read = async (s: Edited) => {
    const { plan: write } = seenAt(s.job, 0)
    if (write === undefined || (!acknowledges && s.done === 'ordered')) return
    s.job = reach(s.job, planOf(write, 'a', 'p')) ?? s.job
  }
  return {
    start: { job: aJob({ next_run_time: minute(2) }, { planned: plannedFor(minute(2)) }), done: 'nothing' },
    steps: {
      'person orders minute 5': [
        s => s.done === 'nothing',
        s => {
          s.done = 'ordered'
          s.job = fixed({ ...s.job, next_run_time: minute(5) })
        },
      ],
      'A reads it': [
        s => s.done === 'ordered',
        async s => {
          await read(s)
          s.done = 'read'
        },
      ],
      'A reads it again': [s => s.done === 'read', read],
      'person sets another trigger': [
        s => s.done === 'read',
        s => {
          s.done = 'trigger'
          s.job = fixed({ ...s.job, trigger: EVERY_OTHER })
        },
      ],
      'A reads that': [
        s => s.done === 'trigger',
        async s => {
          await read(s)
          s.done = 'planned'
        },
      ],
    },
    wrong: s =>
      s.done === 'planned' && Number(s.job.next_run_time) === Number(minute(5))
        ? 'a new trigger, set after an order, does not plan anew'
        : undefined,
  }
}

interface Outage {
  job: Job
  /** Claimed and not yet run, in this process's memory. */
  going: number[]
  ran: number[]
  crashes: number
  pauses: number
  wrong?: string
}

/** Three run times are due, each is to run. `atOnce`: one claim stands for all that are due. */
const outage = (atOnce: boolean): Model<Outage> => ({
  start: { job: aJob({ coalesce: false, max_instances: 9 }), going: [], ran: [], crashes: 1, pauses: 1 },
  steps: {
    'A claims': [
      s => s.going.length === 0 && orderAt(seenAt(s.job, 3).entry as never, 3) !== undefined,
      s => {
        let order = orderAt(seenAt(s.job, 3).entry as never, 3)
        for (; order !== undefined; order = atOnce ? orderAt(seenAt(s.job, 3).entry as never, 3) : undefined) {
          s.going.push(minuteOf(order.run_time as number))
          s.job = reach(s.job, claimOf(order, BY, 3, `r${order.run_time}`, 'c')) ?? s.job
        }
        // One entry, in the name of the first: what the others were stands in memory alone.
        if (atOnce)
          s.job = fixed({ ...s.job, state: { ...s.job.state, running: s.job.state?.running?.slice(0, 1) } } as Job)
      },
    ],
    'a run goes on': [
      s => s.going.length > 0,
      s => {
        const [time] = s.going.splice(0, 1)
        s.ran.push(time as number)
        if (s.job.next_run_time === null && s.going.length > 0)
          s.wrong = 'paused, but more than one further run will start'
      },
    ],
    'person pauses': [
      s => s.pauses > 0,
      s => {
        s.pauses--
        s.job = fixed({ ...s.job, next_run_time: null })
      },
    ],
    'A dies and is started anew': [
      s => s.crashes > 0,
      s => {
        s.crashes--
        const entries = s.job.state?.running?.map(entry => minuteOf(entry.run_time)) ?? []
        const lost = s.going.filter(time => !entries.includes(time))
        if (lost.length > 0) s.wrong = `minute ${lost[0]} is lost: nothing says that it was to run`
        s.going = []
      },
    ],
  },
  wrong: s => s.wrong,
})

describe('a plan', () => {
  holds('names no time that was claimed, wherever the clock goes', clock(false))
  breaks('knows what was claimed', clock(true), /claimed twice/, 4)
  holds('is made anew by a trigger that was set after an order', ordered(true))
  breaks('is acknowledged where a person set it', ordered(false), /does not plan anew/, 4)
  holds('goes on one by one where each time is to run', outage(false))
  breaks('goes on one by one where each time is to run', outage(true), /is lost|paused/, 3)
})
