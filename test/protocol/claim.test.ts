/** Each condition of a claim and of a plan, by what goes wrong without it; and what is known to go wrong with all of them. */
import { describe } from 'vitest'
import { alone, job, moving, person, twins, twinsWithExtra } from './edits.ts'
import { breaks } from './pair.ts'
import { type Rules, worldOf } from './world.ts'

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
  breaks(
    'tells what was claimed even when an event overtook its answer',
    worldOf({ ...alone, forgetsOldAnswers: true }),
    /one run time/,
    7,
  )
  breaks('is not believed when an event overtook it', worldOf({ ...alone, believesOldAnswers: true }), /./, 9)
})

describe('a plan', () => {
  const plans = (from: Rules, ...plansWithout: string[]) => worldOf({ ...from, plansWithout })
  breaks('asks for the next_run_time it was computed from', plans(alone, 'next_run_time'), /lost/, 5)
  breaks('asks for the trigger it was computed from', plans(alone, 'trigger'), /replaced/, 6)
  breaks('asks for its own ip', plans(moving, 'ip'), /has left/, 5)
})

/** Each of these asserts what still goes wrong, as the README's limits say; where one holds, move it up. Before its row is stored nothing
 *  but the document tells of a young run, and a row before each start would be a write more for every run. */
describe('known to go wrong', () => {
  const moved = {
    ...person,
    'person writes an old copy back by replace': () => job,
  }
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
