/** Colours: for eyes, not for programs. */
import { expect, test } from 'vitest'
import { isColoured } from '../../src/cli/colours.ts'

test.each([
  ['a terminal', {}, true, true],
  ['a pipe', {}, false, false],
  ['a pipe of a build server', { CI: 'true', TERM: 'xterm' }, false, false],
  ['a terminal without colours', { TERM: 'dumb' }, true, false],
  ['a terminal whose person wants none', { NO_COLOR: '1' }, true, false],
  ['a pipe whose reader wants them', { FORCE_COLOR: '1' }, false, true],
  ['a pipe whose reader says no in numbers', { FORCE_COLOR: '0' }, false, false],
  ['both wishes', { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
])('%s', (_, env, isTTY, expected) => {
  expect(isColoured(env, isTTY)).toBe(expected)
})
