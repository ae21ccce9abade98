/** Kept: what a reader keeps in this browser: searches, columns. Nothing else is stored, and nothing of it is sent anywhere. */
import { Cell } from '../cell.ts'

export interface KeptView {
  readonly name: string
  /** A search line. */
  readonly line: string
}

function stored<T>(name: string, otherwise: T): Cell<T> {
  const key = `tidewheel.${name}`
  let value = otherwise
  try {
    const text = localStorage.getItem(key)
    if (text !== null) value = JSON.parse(text) as T
  } catch {
    // A browser that keeps nothing shows what everybody sees at first.
  }
  const cell = new Cell(value)
  cell.listen(() => {
    try {
      localStorage.setItem(key, JSON.stringify(cell.value))
    } catch {
      // As above.
    }
  })
  return cell
}

export const keptViews = stored<readonly KeptView[]>('views', [])
/** Names of columns that are left out. */
export const hiddenColumns = stored<readonly string[]>('columns', ['func'])
