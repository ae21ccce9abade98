/** Narrow: whether the window is as narrow as a telephone, where a row takes three lines. The same width as in the style sheets. */
import { Cell, useCell } from '../cell.ts'

const query = matchMedia('(max-width: 720px)')
const narrow = new Cell(query.matches)
query.addEventListener('change', () => narrow.set(query.matches))

export const useNarrow = (): boolean => useCell(narrow)
