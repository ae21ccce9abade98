/** The claim against whatever a person or another process does meanwhile (promises 1 to 3). */
import { describe } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { fingerprint, type Trigger } from '../../src/trigger/trigger.ts'
import { breaks, holds } from './pair.ts'
import { minute } from './real.ts'
import { type Rules, type World, worldOf } from './world.ts'

const EVERY_MINUTE: Trigger = { type: 'interval', minutes: 1, start_date: minute(0) }
const EVERY_OTHER: Trigger = { type: 'interval', minutes: 2, start_date: minute(0) }

const planned = (next: Date | null, trigger = EVERY_MINUTE) => ({
  next_run_time: next,
  trigger: fingerprint(trigger, 'UTC'),
})
const job = {
  _id: 'job',
  func: 'note',
  ip: 'a',
  trigger: EVERY_MINUTE,
  max_instances: 2,
  misfire_grace_time: null,
  next_run_time: minute(1),
  touch: 'x',
  state: { job: 'job', planned: planned(minute(1)) },
} as unknown as Job

const drop = (from: Job, field: keyof Job): Job => {
  const { [field]: _, ...rest } = from
  return rest as Job
}
const person = {
  'person orders minute 0': (now: Job) => ({ ...now, next_run_time: minute(0) }),
  'person orders minute 3': (now: Job) => ({ ...now, next_run_time: minute(3) }),
  'person pauses': (now: Job) => ({ ...now, next_run_time: null }),
  'person unsets next_run_time': (now: Job) => drop(now, 'next_run_time'),
  'person sets another trigger': (now: Job) => ({ ...now, trigger: EVERY_OTHER }),
  'person lowers max_instances': (now: Job) => ({ ...now, max_instances: 1 }),
  'person orders an extra run': (now: Job) => ({ ...now, run_at: [minute(0)] }),
  'person moves it to b': (now: Job) => ({ ...now, ip: 'b' }),
  'person deletes it': () => null,
  'person writes an old copy back by $set': (now: Job) => (now.ip === 'a' ? { ...now, ...job } : now),
  'person writes an old copy back by replace': (now: Job) => (now.ip === 'a' ? job : now),
}
/** An order of a time before one that is claimed is left to the models of what is known to go wrong. */
const careful = {
  ...person,
  'person orders minute 0': (now: Job, { claimed }: World) =>
    claimed.length === 0 ? { ...now, next_run_time: minute(0) } : now,
}
const alone = { nodes: { A: 'a' }, job, from: 1, until: 1, edits: 2, person: careful, prompt: ['plan'] } satisfies Rules
const overtaken = { ...alone, edits: 1, prompt: [] } satisfies Rules
const pairs = { ...alone, prompt: ['claim', 'plan'] } satisfies Rules
const later = { ...alone, until: 3, edits: 1, prompt: ['claim', 'plan'] } satisfies Rules
const current = {
  'person orders minute 0': careful['person orders minute 0'],
}
const twins = {
  ...alone,
  nodes: { A: 'a', Z: 'a' },
  mute: 'Z',
  edits: 1,
  person: current,
  prompt: ['claim', 'plan'],
} satisfies Rules
const twinsWithPause = { ...twins, person: { 'person pauses': person['person pauses'] } } satisfies Rules
const twinsWithExtra = {
  ...twins,
  person: { 'person orders an extra run': person['person orders an extra run'] },
} satisfies Rules
const moving = {
  ...alone,
  nodes: { A: 'a', B: 'b' },
  prompt: ['claim', 'plan'],
  person: {
    'person moves it to b': person['person moves it to b'],
    'person moves it to a': (now: Job) => ({ ...now, ip: 'a' }),
    'person orders minute 0': careful['person orders minute 0'],
    'person pauses': person['person pauses'],
    'person sets another trigger': person['person sets another trigger'],
  },
} satisfies Rules

describe('a claim stands whatever happens meanwhile', () => {
  holds('any two edits between what nodes do', worldOf(pairs))
  holds('an edit between a write and its answer', worldOf(overtaken))
  holds('an edit at any moment of three minutes', worldOf(later))
  holds('an order while two processes claim for one ip', worldOf(twins))
  holds('a pause while two processes claim for one ip', worldOf(twinsWithPause))
  holds('an extra run while two processes claim for one ip', worldOf(twinsWithExtra))
  holds('an edit while the job is moved, to and fro', worldOf(moving))
})

describe('a claim', () => {
  const claims = (from: Rules, ...claimsWithout: string[]) => worldOf({ ...from, claimsWithout })
  breaks('asks for the next_run_time that memory has', claims(alone, 'next_run_time'), /lost/, 3)
  breaks(
    'asks for its time, so that of two processes one wins',
    claims({ ...twins, edits: 0 }, 'next_run_time', 'state.claimed'),
    /twice/,
    4,
  )
  breaks('asks for its own ip', claims(moving, 'ip'), /has left/, 3)
  breaks('asks for room', claims({ ...alone, job: { ...job, max_instances: 1 } }, 'state.running'), /more runs/, 7)
  breaks('asks for the max_instances that memory has', claims(alone, 'max_instances'), /more runs/, 7)
  breaks('asks for an extra run that is still there', claims(twinsWithExtra, 'run_at'), /one order is claimed twice/, 9)
  breaks(
    'asks that its time was not claimed before',
    claims({ ...twins, person: { order: person['person orders minute 0'] } }, 'state.claimed_to'),
    /one run time/,
    7,
  )
  breaks('is not believed when an event overtook it', worldOf({ ...alone, believesOldAnswers: true }), /./, 9)
  breaks('tells what was claimed even then', worldOf({ ...alone, forgetsOldAnswers: true }), /one run time/, 7)
})

describe('a plan', () => {
  const plans = (from: Rules, ...plansWithout: string[]) => worldOf({ ...from, plansWithout })
  breaks('asks for the next_run_time it was computed from', plans(alone, 'next_run_time'), /lost/, 5)
  breaks('asks for the trigger it was computed from', plans(alone, 'trigger'), /replaced/, 6)
  breaks('asks for its own ip', plans(moving, 'ip'), /has left/, 5)
})

/** Each of these asserts what still goes wrong; where one holds, move it up. */
describe('known to go wrong', () => {
  const moved = {
    ...person,
    'person writes an old copy back by replace': () => job,
  }
  breaks(
    'an order of a time before a claimed one stands when its event comes after a read',
    worldOf({ ...alone, person, nodes: { A: 'a' }, edits: 1, until: 2, prompt: ['claim', 'plan'] }),
    /acknowledged/,
    12,
  )
  breaks(
    'an old copy claims nothing again where the job had gone meanwhile',
    worldOf({ ...alone, person: moved }),
    /one run time/,
    9,
  )
  breaks(
    'an old copy claims nothing again by a second process of the ip',
    worldOf({ ...twins, person: { 'person writes an old copy back': () => job } }),
    /one run time/,
    5,
  )
})
