/** Undo: what was done here and can be put back, the latest first.
 *  In: how to put each thing back. Out: it is put back, or said why not. An undo never overwrites what somebody did later:
 *  each looks first whether things still are as they were left. */
import { wordsOf } from '../api.ts'
import { Cell } from '../cell.ts'
import { say } from './said.ts'

export interface Undoable {
  /** `Move of 2 jobs`. */
  readonly what: string
  /** Answers with what did not go, as a sentence. */
  readonly back: () => Promise<string | undefined>
}

const MOST = 50
const done = new Cell<readonly Undoable[]>([])

export const remember = (undoable: Undoable): void => done.change(all => [...all, undoable].slice(-MOST))

export async function undo(): Promise<void> {
  const last = done.value.at(-1)
  if (last === undefined) {
    say('There is nothing to undo.')
    return
  }
  done.change(all => all.slice(0, -1))
  try {
    const but = await last.back()
    say(but === undefined ? `Undone: ${last.what}.` : `${last.what}: ${but}`, { failed: but !== undefined })
  } catch (error) {
    say(`${last.what} was not undone: ${wordsOf(error)}`, { failed: true })
  }
}
