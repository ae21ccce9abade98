/** The screen: rows are overwritten, what is too much is cut, and the terminal is given back, however it ends. */
import { expect, test } from 'vitest'
import { openScreen } from '../../src/cli/screen.ts'

function aTerminal(rows: number) {
  const written: string[] = []
  const write = (text: string) => {
    written.push(text)
    return true
  }
  return { terminal: { rows, write } as Parameters<typeof openScreen>[0], written }
}

/** What stands in the rows after a drawing. */
const rowsOf = (drawing = '') =>
  drawing
    .replace('\x1b[H', '')
    .split('\r\n')
    .map(row => row.replace('\x1b[K', '').replace('\x1b[J', ''))

test('as many lines as there are rows, the last one always', () => {
  const { terminal, written } = aTerminal(4)
  const screen = openScreen(terminal)
  screen.show(['a', 'b', 'c', 'd', 'e'], 'end')
  expect(rowsOf(written.at(-1))).toEqual(['a', 'b', 'c', 'end'])
  screen.show(['a'], 'end')
  expect(rowsOf(written.at(-1))).toEqual(['a', '', '', 'end'])
  screen.close()
})

test('each row is overwritten to its end, and nothing is cleared before', () => {
  const { terminal, written } = aTerminal(3)
  const screen = openScreen(terminal)
  screen.show(['long line'], 'end')
  expect(written.at(-1)).toBe('\x1b[Hlong line\x1b[K\r\n\x1b[K\r\nend\x1b[K\x1b[J')
  screen.close()
})

test('it is given back once, and what is shown afterwards is not', () => {
  const before = process.listenerCount('exit')
  const { terminal, written } = aTerminal(3)
  const screen = openScreen(terminal)
  expect(written).toEqual(['\x1b[?1049h\x1b[?25l'])
  expect(process.listenerCount('exit')).toBe(before + 1)
  screen.close()
  screen.close()
  screen.show(['late'], 'end')
  expect(written.slice(1)).toEqual(['\x1b[?25h\x1b[?1049l'])
  expect(process.listenerCount('exit')).toBe(before)
})
