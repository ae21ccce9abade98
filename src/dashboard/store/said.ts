/** Said: what the page tells a person beside what it shows: done, refused, picked up.
 *  In: a sentence. Out: a notice that goes by itself, and the same for screen readers. What failed stays until it is closed. */
import { Cell } from '../cell.ts'
import { later } from '../clock.ts'

export interface Notice {
  readonly id: number
  readonly text: string
  readonly failed: boolean
  /** It can be undone with `z`. */
  readonly undoable: boolean
}

export const notices = new Cell<readonly Notice[]>([])
/** For the live region alone. */
export const announced = new Cell('')

const SHOWN_MS = 6_000
const MOST = 3
let ids = 0

export function say(text: string, { failed = false, undoable = false } = {}): void {
  const notice = { id: ++ids, text, failed, undoable }
  notices.change(all => [...all, notice].slice(-MOST))
  announced.set(text)
  if (!failed) later(SHOWN_MS, () => close(notice.id))
}

export const announce = (text: string): void => announced.set(text)

export const close = (id: number): void => notices.change(all => all.filter(one => one.id !== id))

/** Copies, and says so. */
export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    say('Copied.')
  } catch {
    say('This browser does not let the page copy: select the text instead.')
  }
}
