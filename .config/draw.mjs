/** Draws the way of a job, as the README shows it: `node .config/draw.mjs` writes one picture for light pages and one for dark ones.
 *  Plain SVG with the reader's own fonts; nothing is loaded. */
import { writeFileSync } from 'node:fs'

const [WIDTH, HEIGHT] = [920, 250]
const [BOX_WIDTH, BOX_HEIGHT, TOP] = [124, 66, 92]
const GAP = (WIDTH - 32 - 6 * BOX_WIDTH) / 5

const STAGES = [
  ['document', 'a job in `jobs`'],
  ['stream', 'every change'],
  ['wheel', 'when it is due'],
  ['claim', 'one atomic update'],
  ['run', 'your function'],
  ['row', 'in `executions`'],
]

const THEMES = {
  light: { ink: '#1f2328', soft: '#59636e', line: '#8c959f', fill: '#f6f8fa', mark: '#0b6e4f', marked: '#e3f5ee' },
  dark: { ink: '#f0f6fc', soft: '#9198a1', line: '#656c76', fill: '#151b23', mark: '#4cc79a', marked: '#10261f' },
}

const left = index => 16 + index * (BOX_WIDTH + GAP)
const middle = index => left(index) + BOX_WIDTH / 2
const text = (x, y, style, said) => `<text x="${x}" y="${y}" class="${style}">${said.replaceAll('`', '')}</text>`

const box = ([name, says], index) =>
  `<rect x="${left(index)}" y="${TOP}" width="${BOX_WIDTH}" height="${BOX_HEIGHT}" rx="8" class="${index === 0 || index === 3 ? 'marked' : 'box'}"/>` +
  text(middle(index), TOP + 29, 'name', name) +
  text(middle(index), TOP + 49, 'says', says)

const arrow = path => `<path d="${path}" class="arrow" marker-end="url(#head)"/>`
const onward = index => arrow(`M${left(index) + BOX_WIDTH + 3} ${TOP + BOX_HEIGHT / 2}H${left(index + 1) - 4}`)

function picture({ ink, soft, line, fill, mark, marked }) {
  const below = TOP + BOX_HEIGHT
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title">
<title id="title">The way of a job: document, stream, wheel, claim, run, row</title>
<style>
text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;text-anchor:middle}
.name{font-size:17px;font-weight:600;fill:${ink}}.says{font-size:12px;fill:${soft}}.hand{font-size:13px;fill:${mark};font-weight:600;text-anchor:start}
.box{fill:${fill};stroke:${line}}.marked{fill:${marked};stroke:${mark};stroke-width:1.5}
.arrow{fill:none;stroke:${line};stroke-width:1.6}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="${line}"/></marker></defs>
${STAGES.map(box).join('\n')}
${STAGES.slice(1)
  .map((_, index) => onward(index))
  .join('\n')}
${text(16, 33, 'hand', 'you: mongosh, any driver, the command line, HTTP, the dashboard')}
${arrow(`M${middle(0)} 46V${TOP - 4}`)}
${arrow(`M${middle(3)} ${below + 2}V${below + 30}H${middle(0)}V${below + 6}`)}
${text((middle(0) + middle(3)) / 2, below + 49, 'says', 'the claim writes the next run time back: whoever loses it does not run')}
${arrow(`M${middle(4)} ${below + 2}V${below + 30}`)}
${text(middle(4), below + 49, 'says', 'events$, live events')}
</svg>
`
}

for (const [theme, colours] of Object.entries(THEMES)) {
  writeFileSync(new URL(`../.github/way-of-a-job-${theme}.svg`, import.meta.url), picture(colours))
}
