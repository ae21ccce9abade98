/** In hand: what floats while jobs are carried to a node, and the keys that carry them. */
import { useCell } from '../cell.ts'
import { type Binding, useKeys } from '../keys.ts'
import type { Job } from '../shapes.ts'
import { choose, drop, type Hand, hand, putBack, targets } from '../store/hand.ts'
import { nodes } from '../store/nodes.ts'
import { JOB_STATUSES, jobStatusOf } from '../words/status.ts'
import { clockOf, counted } from '../words/time.ts'
import { Key } from './controls.tsx'
import { Mark } from './mark.tsx'

const SHOWN = 4

export function InHand() {
  const held = useCell(hand)
  return held === undefined ? null : <Carried held={held} />
}

const KEYS: readonly Binding[] = [
  ...['ArrowDown', 'ArrowRight', 'j'].map(key => ({ key, does: 'next node', run: () => choose(1) })),
  ...['ArrowUp', 'ArrowLeft', 'k'].map(key => ({ key, does: 'node before', run: () => choose(-1) })),
  { key: 'Enter', does: 'drop', always: true, run: drop },
  { key: 'Space', does: 'drop', run: drop },
  { key: 'Escape', does: 'put back', always: true, run: putBack },
]

function Carried({ held }: { readonly held: Hand }) {
  useKeys('In hand', KEYS)
  const { jobs, over, by, x, y } = held
  const moving = jobs.filter(job => job.ip !== over)
  return (
    <div class={`in-hand ${by}`} style={by === 'pointer' ? { left: `${x + 14}px`, top: `${y + 10}px` } : {}}>
      <ul>
        {jobs.slice(0, SHOWN).map(job => (
          <li key={job._id}>
            <Mark status={JOB_STATUSES[jobStatusOf(job, nodes.value)]} />
            <span class="clip">{job._id}</span>
          </li>
        ))}
        {jobs.length > SHOWN && <li class="support">{jobs.length - SHOWN} more</li>}
      </ul>
      <p class="hand-text">
        {over === undefined ? 'Drop on a node that takes jobs' : `Move ${counted(moving.length, 'job')} to ${over}`}
      </p>
      {over !== undefined && <p class="support">{stays(moving)}</p>}
      <p class="label">
        {by === 'keys' && (
          <>
            <Key>↑ ↓</Key> {targets(jobs).length} nodes <Key>Enter</Key> drop{' '}
          </>
        )}
        <Key>Esc</Key> put back
      </p>
    </div>
  )
}

function stays(jobs: readonly Job[]): string {
  const times = new Set(jobs.map(({ next_run_time: at }) => (typeof at === 'string' ? clockOf(at) : 'paused')))
  const [only] = times
  if (times.size === 1 && only === 'paused') return 'It stays paused.'
  return times.size === 1 ? `Next run stays ${only}.` : 'Next run times stay.'
}
