/** Keys: what the keyboard does, where the page stands now.
 *  In: bindings that views and parts bring while they are there. Out: one of them runs for a key; all can be listed, which is the
 *  sheet behind `?`. The newest binding of a key wins. Keys typed into a field belong to the field, but for those with Ctrl or Esc.
 *  `g j` is one key after the other within a second. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { Cell } from './cell.ts'
import { later } from './clock.ts'

export interface Binding {
  /** `j`, `Shift+Enter`, `Ctrl+k` (also Cmd), `g j`. */
  readonly key: string
  /** For the sheet: `next row`. */
  readonly does: string
  readonly run: (event: KeyboardEvent) => void
  /** Also while a field has the focus. */
  readonly always?: boolean
}

export interface Bindings {
  /** Under which head the sheet has them. */
  readonly title: string
  readonly bindings: readonly Binding[]
}

const SEQUENCE_MS = 1_000
const stack = new Cell<readonly { readonly current: Bindings }[]>([])
let prefix = ''
let forget = () => {}

export function useKeys(title: string, bindings: readonly Binding[]): void {
  const held = useRef<Bindings>({ title, bindings })
  held.current = { title, bindings }
  // With the drawing, not after it: keys may come faster than frames.
  useLayoutEffect(() => {
    stack.change(all => [...all, held])
    return () => stack.change(all => all.filter(one => one !== held))
  }, [])
}

/** The latest on top. */
export const bound = (): readonly Bindings[] => [...stack.value].reverse().map(({ current }) => current)

function keyOf(event: KeyboardEvent): string {
  const parts = [event.ctrlKey || event.metaKey ? 'Ctrl' : '', event.altKey ? 'Alt' : '']
  const name = event.key === ' ' ? 'Space' : event.key
  const shifted = event.shiftKey && (name.length > 1 || event.ctrlKey || event.metaKey)
  return [...parts, shifted ? 'Shift' : '', name].filter(part => part !== '').join('+')
}

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'button'].includes(target.type)
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable
}

/** Enter and Space on a control are the control's own; Enter does nothing to a box that is ticked. */
function isControls(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' && event.key !== ' ') return false
  const { target } = event
  if (event.key === 'Enter' && target instanceof HTMLInputElement && target.type === 'checkbox') return false
  return target instanceof HTMLElement && target.closest('button, a, summary, input, select, [role=option]') !== null
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return
  const typing = isTyping(event.target)
  const key = keyOf(event)
  const modal = document.querySelector('dialog[open]') !== null
  const wanted = prefix === '' ? key : `${prefix} ${key}`
  const fits = (one: Binding) => (!typing || one.always === true) && (!isControls(event) || one.always === true)
  for (const { title, bindings } of bound()) {
    if (modal && title !== 'Dialogue') continue
    const found = bindings.find(one => one.key === wanted && fits(one))
    if (found === undefined) continue
    clear()
    event.preventDefault()
    found.run(event)
    return
  }
  clear()
  const begins =
    !typing && !modal && bound().some(({ bindings }) => bindings.some(one => one.key.startsWith(`${key} `)))
  if (!begins) return
  prefix = key
  forget = later(SEQUENCE_MS, clear)
}

function clear(): void {
  prefix = ''
  forget()
}

addEventListener('keydown', press)
