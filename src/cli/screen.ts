/** Screen: the whole of a terminal, drawn over and over, and given back as it was.
 *  In: lines that fit its width. Out: as many of them as it has rows, without flicker: each row is overwritten, never cleared first.
 *  Whatever ends the process, the terminal is left as it was found. */

export interface Screen {
  /** `last` stands in the last row, whatever else is cut. */
  show(lines: readonly string[], last: string): void
  /** Gives the terminal back. */
  close(): void
}

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const TO_LINE_END = '\x1b[K'
const TO_SCREEN_END = '\x1b[J'
/** Of a terminal that does not say. */
const ROWS = 24

export type Terminal = Pick<NodeJS.WriteStream, 'write' | 'rows'>

export function openScreen(terminal: Terminal): Screen {
  let open = true
  const close = () => {
    if (!open) return
    open = false
    process.off('exit', close)
    terminal.write(LEAVE)
  }
  process.on('exit', close)
  terminal.write(ENTER)
  return {
    show(lines, last) {
      if (!open) return
      const room = (terminal.rows || ROWS) - 1
      const shown = [...lines.slice(0, room), ...Array.from({ length: Math.max(0, room - lines.length) }, () => '')]
      terminal.write(`${HOME}${[...shown, last].map(line => line + TO_LINE_END).join('\r\n')}${TO_SCREEN_END}`)
    },
    close,
  }
}
