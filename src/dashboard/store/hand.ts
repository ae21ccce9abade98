/** Hand: the jobs that a person has picked up, and the node they would land on.
 *  In: a pointer that drags, or Space, arrows, Enter and Esc. Out: what floats, what lights up, and on the drop a move.
 *  Nothing is written before the drop; Esc puts everything back. What happens is told in the live region, too. */
import { Cell } from '../cell.ts'
import type { Job } from '../shapes.ts'
import { takesJobs } from '../words/status.ts'
import { counted } from '../words/time.ts'
import { perform } from './acts.ts'
import { rights } from './me.ts'
import { nodes } from './nodes.ts'
import { announce } from './said.ts'

export interface Hand {
  readonly jobs: readonly Job[]
  readonly by: 'pointer' | 'keys'
  /** Of the pointer. */
  readonly x: number
  readonly y: number
  /** The node they would land on. */
  readonly over: string | undefined
}

export const hand = new Cell<Hand | undefined>(undefined)

const FAR_PX = 6

const named = (jobs: readonly Job[]): string => (jobs.length === 1 ? (jobs[0]?._id ?? '') : counted(jobs.length, 'job'))

/** Nodes that take jobs, other than one that holds all of these already. */
export const targets = (jobs: readonly Job[]): readonly string[] =>
  (nodes.value ?? []).filter(node => takesJobs(node) && jobs.some(job => job.ip !== node._id)).map(({ _id }) => _id)

export function pickUp(jobs: readonly Job[]): void {
  if (!rights().operate || jobs.length === 0) return
  const [over] = targets(jobs)
  if (over === undefined) {
    announce('No other node takes jobs.')
    return
  }
  hand.set({ jobs, by: 'keys', x: 0, y: 0, over })
  announce(`Picked up ${named(jobs)}. Arrows choose the node, Enter drops, Escape puts back. Now over ${over}.`)
}

export function choose(step: number): void {
  const held = hand.value
  if (held === undefined) return
  const all = targets(held.jobs)
  const over = all[(all.indexOf(held.over ?? '') + step + all.length) % all.length]
  hand.set({ ...held, over })
  announce(`Over ${over}. Enter moves ${named(held.jobs)} there.`)
}

export function drop(): void {
  const held = hand.value
  hand.set(undefined)
  if (held?.over !== undefined) void perform({ jobs: held.jobs }, { action: 'move', ip: held.over })
  else if (held !== undefined) announce('Put back. Nothing has changed.')
}

export function putBack(): void {
  if (hand.value === undefined) return
  hand.set(undefined)
  announce('Put back. Nothing has changed.')
}

/** For `onPointerDown` of what shows a job: it is picked up when the pointer has moved a little, so that a click stays a click. */
export function grab(event: PointerEvent, jobs: () => readonly Job[]): void {
  if (event.button !== 0 || event.pointerType === 'touch' || !rights().operate) return
  if (event.target instanceof Element && event.target.closest('button, input, select, [data-still]')) return
  const { clientX, clientY } = event
  const ends = new AbortController()
  const options = { signal: ends.signal }
  addEventListener(
    'pointermove',
    move => {
      const far = Math.hypot(move.clientX - clientX, move.clientY - clientY) > FAR_PX
      if (hand.value === undefined && !far) return
      move.preventDefault()
      getSelection()?.removeAllRanges()
      follow(hand.value?.jobs ?? jobs(), move)
    },
    options,
  )
  addEventListener(
    'pointerup',
    () => {
      ends.abort()
      if (hand.value === undefined) return
      // The click that follows is the end of the drag, not a click on a link.
      addEventListener('click', swallow, { capture: true, once: true })
      requestAnimationFrame(() => removeEventListener('click', swallow, { capture: true }))
      drop()
    },
    options,
  )
  addEventListener('pointercancel', () => ends.abort(), options)
}

const swallow = (event: Event): void => {
  event.preventDefault()
  event.stopPropagation()
}

function follow(jobs: readonly Job[], { clientX, clientY }: PointerEvent): void {
  const below = document.elementFromPoint(clientX, clientY)?.closest<HTMLElement>('[data-node]')?.dataset.node
  const over = below !== undefined && targets(jobs).includes(below) ? below : undefined
  hand.set({ jobs, by: 'pointer', x: clientX, y: clientY, over })
}
