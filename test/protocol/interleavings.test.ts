/** Everything a person, another process or a move can do between any two steps of a claim and a plan: promises 1 to 3 hold. */
import { describe } from 'vitest'
import {
  later,
  moving,
  over,
  overtaken,
  pairs,
  twins,
  twinsWithExtra,
  twinsWithOrder,
  twinsWithPause,
} from './edits.ts'
import { holds } from './pair.ts'
import { worldOf } from './world.ts'

describe('a claim stands whatever happens meanwhile', () => {
  holds('any two edits between what nodes do', worldOf(pairs))
  holds('an edit between a write and its answer', worldOf(overtaken))
  holds('an edit at any moment of two minutes', worldOf(later))
  holds('an order while two processes claim for one ip', worldOf(twins))
  holds('an order of a time before a claimed one, by another process', worldOf(twinsWithOrder))
  holds('edits of a job that is over', worldOf(over))
  holds('a pause while two processes claim for one ip', worldOf(twinsWithPause))
  holds('an extra run while two processes claim for one ip', worldOf(twinsWithExtra))
  holds('an edit while the job is moved, to and fro', worldOf(moving))
})
