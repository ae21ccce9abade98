/** Checks: whether a server is ready, one thing at a time.
 *  In: whether the database answers, and what the node says of itself, where there is one. Out: each check with what was found. Pure.
 *  A node that stands by, is paused or drains does what it is to do, and is ready. */
import type { NodeStatus } from './status.ts'

export interface Check {
  readonly check: 'database' | 'stream' | 'lease' | 'claims' | 'clock'
  readonly ok: boolean
  readonly found: string
}

/** So far the stream may be behind, in ms. */
const MOST_BEHIND_MS = 10_000
/** A due run that nobody has claimed for so long is not waiting for its turn. */
const MOST_WAITING_MS = 5_000
/** A clock that is further off is not believed by the node either. */
const MOST_OFFSET_MS = 5_000

export function checksOf(answers: boolean, node: NodeStatus | undefined): readonly Check[] {
  const database: Check = { check: 'database', ok: answers, found: answers ? 'answers' : 'does not answer' }
  return node === undefined ? [database] : [database, ...nodeChecks(node)]
}

function nodeChecks({ state, stream, lease, claiming, claimingFor, offset = 0 }: NodeStatus): readonly Check[] {
  if (state === 'standby') return [{ check: 'lease', ok: true, found: 'stands by: another process has this ip' }]
  if (state === 'starting' || state === 'stopped' || state === 'closed')
    return [{ check: 'lease', ok: false, found: `the node is ${state}` }]
  const isHeld = lease !== undefined && lease.left > 0
  const behind = stream?.behind ?? 0
  return [
    {
      check: 'stream',
      ok: stream?.open === true && behind < MOST_BEHIND_MS,
      found: stream?.open === true ? `open, ${behind} ms behind` : `not open for ${behind} ms`,
    },
    { check: 'lease', ok: isHeld, found: isHeld ? `held, ${lease.left} ms left` : 'not held: nothing is claimed' },
    {
      check: 'claims',
      ok: claimingFor < MOST_WAITING_MS,
      found: claimingFor < MOST_WAITING_MS ? `flow, ${claiming} under way` : `none for ${claimingFor} ms`,
    },
    { check: 'clock', ok: Math.abs(offset) < MOST_OFFSET_MS, found: `${offset} ms ahead of the server's` },
  ]
}
