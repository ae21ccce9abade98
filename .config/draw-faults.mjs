/** Draws what happened in a run of the fault checker, as the README shows it: `node .config/draw-faults.mjs FOLDER`, with the folder
 *  of `--out`, writes one picture for light pages and one for dark ones.
 *  A lane for each node, in it a row for each job, and on it a mark where a run began, as the runs themselves wrote it down; a job
 *  has the colour of the node it began on. Faults are what the checker did, and the sums are the judge's. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2]
if (folder === undefined) throw new Error('expected the folder of a run of test/faults, found none')
const at = name => join(folder, 'run', name)
const linesOf = name =>
  readFileSync(at(name), 'utf8')
    .split('\n')
    // A process that was killed may have been in the middle of a line.
    .flatMap(line => (line.endsWith('}') ? [JSON.parse(line)] : []))

const plan = JSON.parse(readFileSync(at('plan.json'), 'utf8'))
const { totals, faults, begin } = JSON.parse(readFileSync(at('verdict.json'), 'utf8'))
const told = linesOf('history.jsonl')
const clock = told.find(line => line.f === 'clock')
const trueTime = mono => clock.wall + (mono - clock.mono) / 1_000
const processes = told.filter(line => line.f === 'process')
const edits = told.filter(line => line.f === 'edit' && line.kind !== 'insert' && line.type === 'ok')
const runs = readdirSync(join(folder, 'run'))
  .filter(name => name.startsWith('witness-'))
  .flatMap(linesOf)
  .filter(line => line.type === 'start')
  .map(({ ip, job, mono }) => ({ ip, job, time: trueTime(mono) }))
  .sort((a, b) => a.time - b.time)

const ips = [...new Set(processes.map(({ ip }) => ip))].sort()
const homeOf = Object.fromEntries(plan.jobs.map(({ _id, node }) => [_id, node]))
/** The jobs of one node stand together. */
const order = [...plan.jobs].sort((a, b) => (a.node ?? 99) - (b.node ?? 99)).map(({ _id }) => _id)

const WIDTH = 920
const [LEFT, RIGHT] = [76, 12]
const [TOP, SET, GAP, ROW] = [34, 22, 8, 3]
const LANE = order.length * ROW + 6
const BELOW = TOP + SET + GAP + ips.length * (LANE + GAP)
const HEIGHT = BELOW + 86
const until = begin + plan.ms + 20_000
const x = time => LEFT + ((time - begin) / (until - begin)) * (WIDTH - LEFT - RIGHT)
const laneTop = ip => TOP + SET + GAP + ips.indexOf(ip) * (LANE + GAP)
const seconds = ms => `${(ms / 1_000).toFixed(1)} s`
const number = n => n.toLocaleString('en')
const round = n => Number(n.toFixed(1))

const THEMES = {
  light: {
    ink: '#1f2328',
    soft: '#59636e',
    lane: '#f6f8fa',
    line: '#d1d9e0',
    fault: '#cf222e',
    of: ['#0969da', '#bc4c00', '#1a7f37'],
    other: '#59636e',
  },
  dark: {
    ink: '#f0f6fc',
    soft: '#9198a1',
    lane: '#151b23',
    line: '#3d444d',
    fault: '#ff7b72',
    of: ['#58a6ff', '#f0883e', '#3fb950'],
    other: '#9198a1',
  },
}

const text = (left, top, style, said) => `<text x="${round(left)}" y="${round(top)}" class="${style}">${said}</text>`
const lane = (top, height, name) =>
  `<rect x="${LEFT}" y="${top}" width="${WIDTH - LEFT - RIGHT}" height="${round(height)}" class="lane"/>` +
  text(LEFT - 8, top + height / 2 + 5, 'name', name)

/** From when to when something was not there, as the processes tell it where one ended. */
function spanOf({ kind, nodes: [ip], from, to }) {
  if (kind !== 'node-kill') return [from, to]
  const gone = processes.find(line => line.ip === ip && line.what === 'exit' && line.at >= from)
  const back = processes.find(line => line.ip === ip && line.what === 'active' && line.at > gone.at)
  return [gone.at, back.at]
}

const SAID = { 'node-kill': 'killed', 'node-pause': 'frozen', cut: 'cut off', 'primary-kill': 'primary killed' }

/** Of a node's fault: how many of its jobs ran elsewhere before it was back, and when the first of them did. Not those that a person
 *  changed meanwhile. */
function movedOn(ip, from, to) {
  const changed = new Set(edits.filter(({ at }) => at > from - 1_000 && at < to).map(({ job }) => job))
  const jobs = new Set(runs.filter(run => run.time < from && !changed.has(run.job)).map(({ job }) => job))
  const last = job => runs.findLast(run => run.job === job && run.time < from)
  const next = job => runs.find(run => run.job === job && run.time > from && run.time < to && run.ip !== ip)
  const moved = [...jobs]
    .filter(job => last(job).ip === ip)
    .map(next)
    .filter(run => run !== undefined)
  return [
    `${moved.length} ${moved.length === 1 ? 'job runs' : 'jobs run'}`,
    'elsewhere',
    `after ${seconds(Math.min(...moved.map(({ time }) => time)) - from)}`,
  ]
}

/** The longest time in which no node began a run. */
function stillFor(from, to) {
  const times = runs.map(({ time }) => time).filter(time => time > from - 1_000 && time < to + 1_000)
  return Math.max(...times.slice(1).map((time, i) => time - times[i]))
}

function faultOf({ kind, nodes, ...fault }) {
  const [from, to] = spanOf({ kind, nodes, ...fault })
  const isSet = nodes.length === ips.length
  const [top, height] = isSet ? [TOP, SET] : [laneTop(nodes[0]), LANE]
  const width = round(Math.max(2, x(to) - x(from)))
  const said = isSet
    ? text(
        x(to) + 6,
        top + 15,
        'fault',
        `${SAID[kind]}<tspan class="after"> for ${seconds(to - from)}; no run began for ${seconds(stillFor(from, to))}, then all that was due</tspan>`,
      )
    : [SAID[kind], ...movedOn(nodes[0], from, to)]
        .map((line, i) => text(x(from) + 5, top + 17 + i * 15, i === 0 ? 'fault' : 'after', line))
        .join('')
  return `<rect x="${round(x(from))}" y="${top}" width="${width}" height="${round(height)}" class="gone"/>${said}`
}

const GROUPS = [...ips.map((_, i) => `of${i}`), 'other']
/** The runs of all jobs of a colour, as one path. */
const marks = (seen, group) => {
  const own = seen.filter(({ job }) => (homeOf[job] === undefined ? 'other' : `of${homeOf[job]}`) === group)
  const at = ({ ip, job, time }) => `M${round(x(time))} ${round(laneTop(ip) + 4 + order.indexOf(job) * ROW)}h2.8`
  return `<path class="run ${group}" d="${own.map(at).join('')}"/>`
}

const ticks = () =>
  Array.from({ length: Math.floor((until - begin) / 30_000) + 1 }, (_, i) => {
    const left = round(x(begin + i * 30_000))
    return `<path d="M${left} ${TOP}V${BELOW - GAP + 4}" class="tick"/>${text(left, BELOW + 9, 'time', i === 0 ? 'start' : `${i * 30} s`)}`
  })

function sums() {
  const { owed, run, coalesced, missedWithRow } = totals
  return [
    `${number(owed)} runs were owed, while ${faults.length} faults and ${number(edits.length)} edits of people came: ${number(run)} ran,`,
    `${coalesced} were due together with one of these and run with it, ${missedWithRow} have a row that says why they were not run.`,
    `${totals.doubled} doubled, ${totals.lost} lost, ${totals.wrongPlace} in the wrong place, ${totals.lostEdits} edits lost`,
  ]
}

function picture({ ink, soft, lane: fill, line, fault, of, other }) {
  const seen = runs.filter(
    ({ ip, job, time }) => time > begin && time < until && ips.includes(ip) && order.includes(job),
  )
  const [owed, others, none] = sums()
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${round(HEIGHT)}" width="${WIDTH}" height="${round(HEIGHT)}" role="img" aria-labelledby="title">
<title id="title">${ips.length} nodes and ${order.length} jobs on three members of MongoDB, with faults: ${owed} ${others} ${none}</title>
<style>
text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:12px;fill:${soft}}
.name{font-size:13px;font-weight:600;fill:${ink};text-anchor:end}.time{text-anchor:middle}
.sums{font-size:13px;fill:${ink}}.none{font-size:15px;font-weight:600;fill:${ink}}
.fault{font-weight:600;fill:${fault}}.after{fill:${ink};font-size:11px;font-weight:400}.fault,.after{stroke:${fill};stroke-width:3;stroke-linejoin:round;paint-order:stroke}
.lane{fill:${fill}}.gone{fill:${fault};fill-opacity:.13;stroke:${fault};stroke-opacity:.6}.tick{stroke:${line};stroke-width:1}
${of.map((colour, i) => `.of${i}{stroke:${colour}}`).join('')}.other{stroke:${other}}.run{stroke-width:${round(ROW - 0.6)}}
</style>
${text(LEFT, 16, '', `Each mark is a run, each row a job, each colour the node that the job began on. A node that is silent for ${plan.leaseMs / 1_000} s is dead.`)}
${lane(TOP, SET, 'MongoDB')}
${ips.map(ip => lane(laneTop(ip), LANE, ip)).join('\n')}
${ticks().join('\n')}
${GROUPS.map(group => marks(seen, group)).join('\n')}
${faults.map(faultOf).join('\n')}
${text(LEFT, BELOW + 36, 'sums', owed)}
${text(LEFT, BELOW + 54, 'sums', others)}
${text(LEFT, BELOW + 78, 'none', none)}
</svg>
`
}

for (const [theme, colours] of Object.entries(THEMES)) {
  writeFileSync(new URL(`../.github/fault-run-${theme}.svg`, import.meta.url), picture(colours))
}
