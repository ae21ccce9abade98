/** Edits: what a person may do to a job while nodes claim it, and the worlds in which that is explored. */
import type { Job } from '../../src/job/job.ts'
import { aJob, EVERY_OTHER, plannedFor } from './jobs.ts'
import { minute } from './real.ts'
import type { Rules } from './world.ts'

export const job = aJob({ max_instances: 2 })

const drop = (from: Job, field: keyof Job): Job => {
  const { [field]: _, ...rest } = from
  return rest as Job
}
export const person = {
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
export const alone = {
  nodes: { A: 'a' },
  job,
  from: 1,
  until: 1,
  edits: 2,
  person,
  prompt: ['plan'],
} satisfies Rules
export const overtaken = { ...alone, edits: 1, prompt: [] } satisfies Rules
/** Room and places have models of their own, and some edits are much alike. */
const {
  'person orders minute 3': _orders,
  'person writes an old copy back by $set': _copies,
  'person lowers max_instances': _lowers,
  'person moves it to b': _moves,
  'person deletes it': _deletes,
  ...schedule
} = person
export const pairs = { ...alone, person: schedule, prompt: ['claim', 'plan'] } satisfies Rules
export const later = { ...alone, until: 2, edits: 1, prompt: ['claim', 'plan'] } satisfies Rules
const current = {
  'person orders minute 0': person['person orders minute 0'],
}
export const twins = {
  ...alone,
  nodes: { A: 'a', Z: 'a' },
  mute: ['Z'],
  edits: 1,
  person: current,
  prompt: ['claim', 'plan'],
} satisfies Rules
/** An order that makes due again what the other process has claimed. */
export const twinsWithOrder = {
  ...twins,
  mute: ['A', 'Z'],
  person: { 'person orders minute 0': person['person orders minute 0'] },
} satisfies Rules
export const twinsWithPause = { ...twins, person: { 'person pauses': person['person pauses'] } } satisfies Rules
export const twinsWithExtra = {
  ...twins,
  person: { 'person orders an extra run': person['person orders an extra run'] },
} satisfies Rules
export const moving = {
  ...alone,
  nodes: { A: 'a', B: 'b' },
  prompt: ['claim', 'plan'],
  person: {
    'person moves it to b': person['person moves it to b'],
    'person moves it to a': (now: Job) => ({ ...now, ip: 'a' }),
    'survivor moves it to b': (now: Job) => (now.ip === 'a' ? { ...now, ip: 'b', touch: 'survivor' } : now),
    'person orders minute 0': person['person orders minute 0'],
    'person pauses': person['person pauses'],
  },
} satisfies Rules

/** Over, until a person thinks otherwise. */
export const over = {
  ...pairs,
  job: aJob({ next_run_time: null }, { over: true, claimed_to: minute(0), planned: plannedFor(null) }),
  until: 3,
  person: {
    'person sets another trigger': person['person sets another trigger'],
    'person unsets next_run_time': person['person unsets next_run_time'],
    'person orders minute 5': (now: Job) => ({ ...now, next_run_time: minute(5) }),
  },
} satisfies Rules
