/** Colours: what stands out on a terminal.
 *  In a pipe or a file there are none, also where a build server sets `CI`: whoever reads them there is a program.
 *  `NO_COLOR` leaves them out everywhere, `FORCE_COLOR` puts them in everywhere. */
import picocolors from 'picocolors'

export const isColoured = (
  { NO_COLOR, FORCE_COLOR, TERM }: NodeJS.ProcessEnv = process.env,
  isTTY = process.stdout.isTTY === true,
): boolean => !NO_COLOR && ((!!FORCE_COLOR && FORCE_COLOR !== '0') || (isTTY && TERM !== 'dumb'))

export const colours = picocolors.createColors(isColoured())
