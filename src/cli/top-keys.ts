/** Top keys: what somebody who looks at `tidewheel top` has chosen, and what each key does to it, as in k9s.
 *  In: what a terminal sends, and the rows that are on the screen. Out: the filter, the chosen row, what is open. Pure. */

/** What a row of the screen stands for. */
export interface Target {
  /** Of this row and no other. */
  readonly key: string
  readonly kind: 'job' | 'node'
  /** Of the job or the node. */
  readonly id: string
}

export interface Chosen {
  readonly key: string
  readonly at: number
}

export interface Looking {
  readonly filter: string
  /** The filter is being typed. */
  readonly typing: boolean
  readonly held: boolean
  readonly help: boolean
  /** The chosen row, and the how manieth it is. */
  readonly chosen?: Chosen | undefined
  /** The job that is shown as a whole. */
  readonly open?: string | undefined
  /** So many of its lines are above the screen. */
  readonly scrolled: number
  readonly ended?: 'quit' | 'SIGINT'
}

export const LOOKING: Looking = { filter: '', typing: false, held: false, help: false, scrolled: 0 }

const ESCAPE = '\x1b'
const INTERRUPT = '\x03'
const ENTER = /^[\r\n]$/
const BACK = /^[\x7f\b]$/
const UP: readonly string[] = ['\x1b[A', '\x1bOA', 'k']
const DOWN: readonly string[] = ['\x1b[B', '\x1bOB', 'j']
/** A key with a name of its own, such as an arrow, comes as several characters that begin with that of Escape. */
const A_KEY = new RegExp(`${ESCAPE}(?:\\[[\\d;]*[ -/]*[@-~]|O.|[^${ESCAPE}])?|.`, 'gsu')

/** The keys that a terminal sent at once, however quickly they were typed. */
export const keysOf = (sent: string): readonly string[] => sent.match(A_KEY) ?? []

/** `targets`: the rows that can be chosen, from above. */
export function pressed(looking: Looking, key: string, targets: readonly Target[]): Looking {
  const { typing, held, help, open } = looking
  if (key === INTERRUPT) return { ...looking, ended: 'SIGINT' }
  if (help) return key === 'q' ? { ...looking, ended: 'quit' } : { ...looking, help: false }
  if (typing) return typed(looking, key)
  if (key === 'q') return { ...looking, ended: 'quit' }
  if (key === '?') return { ...looking, help: true }
  if (key === ' ') return { ...looking, held: !held }
  const step = UP.includes(key) ? -1 : DOWN.includes(key) ? 1 : 0
  if (open !== undefined) {
    if (key === ESCAPE) return { ...looking, open: undefined, scrolled: 0 }
    return { ...looking, scrolled: Math.max(0, looking.scrolled + step) }
  }
  if (key === '/') return { ...looking, filter: '', typing: true }
  // First what was chosen, then the filter: one step back each.
  if (key === ESCAPE)
    return looking.chosen === undefined ? { ...looking, filter: '' } : { ...looking, chosen: undefined }
  const { chosen } = settled(looking, targets)
  if (ENTER.test(key)) return chosen === undefined ? looking : opened(looking, targets[chosen.at])
  if (step === 0) return looking
  const first = step === 1 ? 0 : targets.length - 1
  return settled({ ...looking, chosen: { key: '', at: chosen === undefined ? first : chosen.at + step } }, targets)
}

/** The chosen row wherever it is now; where it is gone, the one in its place. */
export function settled(looking: Looking, targets: readonly Target[]): Looking {
  const { chosen } = looking
  if (chosen === undefined) return looking
  const same = targets.findIndex(({ key }) => key === chosen.key)
  const at = same === -1 ? Math.max(0, Math.min(chosen.at, targets.length - 1)) : same
  const key = targets[at]?.key
  return { ...looking, chosen: key === undefined ? undefined : { key, at } }
}

function typed(looking: Looking, key: string): Looking {
  const { filter } = looking
  if (key === ESCAPE) return { ...looking, filter: '', typing: false }
  if (ENTER.test(key)) return { ...looking, typing: false }
  if (BACK.test(key)) return { ...looking, filter: filter.slice(0, -1) }
  return /^[^\p{Cc}]+$/u.test(key) ? { ...looking, filter: filter + key } : looking
}

/** A job as a whole; of a node, what it has. */
function opened(looking: Looking, target: Target | undefined): Looking {
  if (target === undefined) return looking
  if (target.kind === 'job') return { ...looking, open: target.id, scrolled: 0 }
  return { ...looking, filter: target.id, chosen: undefined }
}
