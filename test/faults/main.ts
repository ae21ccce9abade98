/** Faults: `npm run test:faults` proves with real processes that no run is lost, doubled or run in the wrong place.
 *
 *    --minutes 20 --jobs 150 --nodes 4 --seed 1   a long run of mixed faults (the default: 5 minutes, 100 jobs)
 *    --kinds node-kill,cut                        only these faults
 *    --storm 1000                                 jobs of a storm; a tenth of it in edits a second
 *    --crowd 1200                                 jobs of a crowd, edited while they are claimed
 *    --election 10000                             members wait so long for a primary, as they do by default; ours: 2000
 *    --plan race                                  one of the short scenarios
 *    --mutants                                    each mutant in its scenario, and a table of which were noticed
 *    --mutant 3                                   one of them, by number or by a part of its name
 *    --reference agenda                           the same jobs and faults for Agenda, side by side
 *    --judge FOLDER                               judges a finished run anew
 *    --out FOLDER                                 where all is kept; default: a new folder for temporary files
 *
 *  Exit 0: nothing failed (with --mutants: each was noticed); 1: something did; 2: wrong usage. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { common, installAgenda } from './agenda.ts'
import { mixedPlan } from './mixed-plan.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import { FAULT_KINDS, type FaultKind, type Plan } from './plan.ts'
import { build } from './product.ts'
import { asPicture, inWords } from './report.ts'
import { judge, runScenario } from './scenario.ts'
import { SHORT, type ShortName } from './short-plans.ts'
import type { Verdict } from './verdict.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    jobs: { type: 'string', default: '100' },
    nodes: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    edits: { type: 'string', default: '2' },
    storm: { type: 'string', default: '10000' },
    crowd: { type: 'string', default: '1200' },
    election: { type: 'string', default: '2000' },
    kinds: { type: 'string' },
    plan: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    mutant: { type: 'string' },
    reference: { type: 'string' },
    judge: { type: 'string' },
    out: { type: 'string' },
  },
})

const say = (line: string) => process.stdout.write(`${line}\n`)
const out = values.out ?? mkdtempSync(join(tmpdir(), 'tidewheel-faults-'))
mkdirSync(out, { recursive: true })

if (values.judge !== undefined) process.exitCode = told('Faults', judge(values.judge), values.judge)
else if (values.mutants || values.mutant !== undefined) process.exitCode = await mutants(values.mutant)
else process.exitCode = await once()

/** Writes the report into the folder and the words of it out; answers the exit code. */
function told(name: string, verdict: Verdict, folder: string, columns?: Readonly<Record<string, Verdict>>): number {
  const words = inWords(name, verdict, columns)
  writeFileSync(join(folder, 'report.md'), words)
  writeFileSync(join(folder, 'timeline.svg'), asPicture(name, verdict))
  say(words)
  say(`Kept in ${folder}: report.md, timeline.svg, verdict.json and all that they were made from.`)
  return Object.keys(verdict.classes).length === 0 ? 0 : 1
}

function planned(): Plan {
  const seed = Number(values.seed)
  if (values.plan !== undefined) {
    if (!(values.plan in SHORT)) usage(`there is no plan ${values.plan}; there are ${Object.keys(SHORT).join(', ')}`)
    return SHORT[values.plan as ShortName](seed)
  }
  const kinds = values.kinds?.split(',').filter(Boolean)
  const unknown = kinds?.find(kind => !(FAULT_KINDS as readonly string[]).includes(kind))
  if (unknown !== undefined) usage(`there is no fault ${unknown}; there are ${FAULT_KINDS.join(', ')}`)
  return mixedPlan({
    seed,
    minutes: Number(values.minutes),
    jobs: Number(values.jobs),
    nodes: Number(values.nodes),
    editsPerSecond: Number(values.edits),
    storm: Number(values.storm),
    crowd: Number(values.crowd),
    electionMs: Number(values.election),
    ...(kinds !== undefined && { kinds: kinds as readonly FaultKind[] }),
  })
}

async function once(): Promise<number> {
  const plan = planned()
  say(
    `Seed ${plan.seed}: ${plan.jobs.length} jobs, ${plan.nodes} nodes, ${plan.faults.length} faults, ${plan.edits.length} edits. ${out}`,
  )
  if (values.reference !== undefined && values.reference !== 'agenda')
    usage(`there is no reference ${values.reference}; there is agenda`)
  const product = build(join(out, 'product'))
  const folder = join(out, 'run')
  if (values.reference === 'agenda') {
    const agenda = installAgenda()
    const both = common(plan)
    const ours = await runScenario({ plan: both, product, folder, say })
    const theirs = await runScenario({ plan: both, product, folder: join(out, 'agenda'), say, agenda })
    told('Agenda', theirs, join(out, 'agenda'))
    return told(`Tidewheel beside Agenda, seed ${plan.seed}`, ours, folder, { Tidewheel: ours, Agenda: theirs })
  }
  const verdict = await runScenario({ plan, product, folder, say })
  return told(`${plan.name}, seed ${plan.seed}`, verdict, folder)
}

async function mutants(wanted: string | undefined): Promise<number> {
  const chosen = MUTANTS.filter(
    ({ name }, i) => wanted === undefined || String(i + 1) === wanted || name.includes(wanted),
  )
  if (chosen.length === 0) usage(`there is no mutant ${wanted}`)
  const rows: string[] = []
  let failed = 0
  // The product as it is passes every scenario in which a mutant is to be noticed.
  const product = build(join(out, 'product'))
  for (const name of new Set(chosen.map(({ plan }) => plan))) {
    const verdict = await runScenario({
      plan: SHORT[name](Number(values.seed)),
      product,
      folder: join(out, `sound-${name}`),
    })
    const classes = Object.keys(verdict.classes)
    if (classes.length > 0) failed++
    rows.push(
      `| ${classes.length === 0 ? 'clean' : '**NOT CLEAN**'} | (the product as it is) | ${name} | – | ${counts(verdict)} |`,
    )
    say(rows.at(-1) ?? '')
  }
  for (const [i, mutant] of chosen.entries()) {
    const { noticed, row } = await tried(mutant, join(out, `mutant-${i + 1}`))
    if (!noticed) failed++
    rows.push(row)
    say(row)
  }
  const table = ['| | mutant | scenario | expected | found |', '| --- | --- | --- | --- | --- |', ...rows].join('\n')
  writeFileSync(join(out, 'mutants.md'), `${table}\n`)
  say(`\n${table}\n\nKept in ${out}.`)
  return failed === 0 ? 0 : 1
}

async function tried(
  { name, patches, plan, finds }: Mutant,
  folder: string,
): Promise<{ noticed: boolean; row: string }> {
  const built = join(folder, 'product')
  try {
    const product = build(built, patches)
    const verdict = await runScenario({ plan: SHORT[plan](Number(values.seed)), product, folder: join(folder, 'run') })
    const noticed = finds.some(id => (verdict.classes[id] ?? 0) > 0)
    const row = `| ${noticed ? 'noticed' : '**NOT NOTICED**'} | ${name} | ${plan} | ${finds.join(' or ')} | ${counts(verdict)} |`
    return { noticed, row }
  } catch (error) {
    return {
      noticed: false,
      row: `| **FAILED** | ${name} | ${plan} | ${finds.join(' or ')} | ${String(error).split('\n')[0]} |`,
    }
  } finally {
    rmSync(built, { recursive: true, force: true })
  }
}

function counts({ classes }: Verdict): string {
  const found = Object.entries(classes).map(([id, n]) => `${n} ${id}`)
  return found.join(', ') || 'nothing'
}

function usage(why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(2)
}
