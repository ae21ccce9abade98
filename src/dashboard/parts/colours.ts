/** Colours: the tokens of the style sheet, for what is drawn on a canvas.
 *  Out: they are read again whenever the reader's scheme changes, so that a drawing is never in the colours of another. */
import { Cell } from '../cell.ts'

const NAMES = [
  'text',
  'text2',
  'text3',
  'ok',
  'bad',
  'warn',
  'now',
  'now-tint',
  'rest',
  'hand',
  'surface',
  'sunk',
  'line',
] as const

export type Colours = Readonly<Record<(typeof NAMES)[number], string>>

function read(): Colours {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(
    NAMES.map(name => [name, style.getPropertyValue(`--${name}`).trim() || 'CanvasText']),
  ) as Colours
}

export const colours = new Cell<Colours>(read())

for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
  matchMedia(query).addEventListener('change', () => colours.set(read()))
}
addEventListener('load', () => colours.set(read()))
