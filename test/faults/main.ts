/** Faults: `npm run test:faults` proves with real processes that no run is lost, doubled or run in the wrong place.
 *
 *    --minutes 20 --jobs 150 --nodes 4 --seed 1   a long run of mixed faults (the default: 5 minutes, 100 jobs)
 *    --kinds node-kill,cut                        only these faults
 *    --storm 1000                                 jobs of a storm; a tenth of it in edits a second
 *    --crowd 600                                  jobs of a crowd, edited while they are claimed
 *    --election 10000                             members wait so long for a primary, as they do by default; ours: 2000
 *    --plan race                                  one of the short scenarios
 *    --mutants --seeds 1,2,3                      each mutant in its scenario, and a table of which were noticed, in how many seeds
 *    --mutant 3,slept                             some of them, by number or by a part of their name
 *    --no-sound                                   only the mutants, not the product as it is in the same scenarios
 *    --reference agenda                           the same jobs and faults for Agenda, side by side
 *    --judge FOLDER                               judges a finished run anew
 *    --out FOLDER                                 where all is kept; default: a new folder for temporary files
 *
 *  Exit 0: nothing failed (with --mutants: each was noticed) and each fault was made; 1: something did, or a fault could not be made
 *  here; 2: wrong usage. */
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
  allowNegative: true,
  options: {
    minutes: { type: 'string', default: '5' },
    jobs: { type: 'string', default: '100' },
    nodes: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string' },
    sound: { type: 'boolean', default: true },
    edits: { type: 'string', default: '2' },
    storm: { type: 'string', default: '10000' },
    crowd: { type: 'string', default: '600' },
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

const NOTHING = 'nothing'
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
  const skipped = skippedIn(verdict)
  if (skipped !== undefined) say(`It proves nothing of what could not be made here: ${skipped}`)
  return Object.keys(verdict.classes).length === 0 && skipped === undefined ? 0 : 1
}

/** The faults that could not be made on this machine, and why; undefined: all were made. */
function skippedIn({ faults }: Verdict): string | undefined {
  const words = faults.flatMap(({ kind, skipped }) => (skipped === null ? [] : [`${kind} (${skipped})`]))
  return words.length === 0 ? undefined : [...new Set(words)].join(', ')
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

/** Those named by number or by a part of their name; all where none is named. */
function chosen(wanted: string | undefined): readonly Mutant[] {
  if (wanted === undefined) return MUTANTS
  const parts = wanted.split(',').filter(Boolean)
  const found = MUTANTS.filter(({ name }, i) => parts.some(part => String(i + 1) === part || name.includes(part)))
  if (found.length === 0) usage(`there is no mutant ${wanted}`)
  return found
}

/** A scenario and who is looked at in it: a row of the table. */
interface Look {
  readonly plan: ShortName
  readonly subject: string
  readonly finds: string
  readonly folder: string
  /** Builds the product; what it throws is told in the row. */
  readonly built: () => string
  /** Whether what was found with one seed is as it is to be. */
  readonly isRight: (found: string) => boolean
  /** With all seeds, with some, with none. */
  readonly words: readonly [string, string, string]
}

async function mutants(wanted: string | undefined): Promise<number> {
  const picked = chosen(wanted)
  const seeds = (values.seeds ?? values.seed).split(',').map(Number)
  const rows: string[] = []
  let failed = 0
  const tell = (row: string, well: boolean) => {
    if (!well) failed++
    rows.push(row)
    say(row)
  }
  const look = async ({ plan, subject, finds, folder, built, isRight, words }: Look) => {
    const [all, some, none] = words
    try {
      const found = await foundIn(plan, seeds, built(), folder)
      const right = found.filter(isRight).length
      const well = right === seeds.length
      const word = well ? all : right > 0 ? some : none
      tell(`| ${word} | ${subject} | ${plan} | ${finds} | ${right} of ${seeds.length} | ${found.join('; ')} |`, well)
    } catch (error) {
      tell(`| **FAILED** | ${subject} | ${plan} | ${finds} | | ${String(error).split('\n')[0]} |`, false)
    }
  }
  if (values.sound) {
    // The product as it is passes every scenario in which a mutant is to be noticed.
    const product = build(join(out, 'product'))
    for (const plan of new Set(picked.map(mutant => mutant.plan)))
      await look({
        ...{ plan, subject: '(the product as it is)', finds: '–', folder: join(out, `sound-${plan}`) },
        built: () => product,
        isRight: one => one === NOTHING,
        words: ['clean', '**NOT CLEAN**', '**NOT CLEAN**'],
      })
  }
  for (const mutant of picked) {
    const { name, plan, patches, finds } = mutant
    const folder = join(out, `mutant-${MUTANTS.indexOf(mutant) + 1}`)
    const built = join(folder, 'product')
    await look({
      ...{ plan, subject: name, finds: finds.join(' or '), folder },
      built: () => build(built, patches),
      isRight: one => finds.some(id => one.split(/[ ,]+/).includes(id)),
      words: ['noticed', '**NOT ALWAYS**', '**NOT NOTICED**'],
    })
    rmSync(built, { recursive: true, force: true })
  }
  const table = [
    '| | mutant | scenario | class | found in | what, by seed |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
  writeFileSync(join(out, 'mutants.md'), `${table}\n`)
  say(`\n${table}\n\nKept in ${out}.`)
  return failed === 0 ? 0 : 1
}

/** What the judge found in a scenario, for each seed. */
async function foundIn(
  name: ShortName,
  seeds: readonly number[],
  product: string,
  folder: string,
): Promise<readonly string[]> {
  const found: string[] = []
  for (const seed of seeds) {
    const run = join(folder, `run-${seed}`)
    const verdict = await runScenario({ plan: SHORT[name](seed), product, folder: run })
    const skipped = skippedIn(verdict)
    if (skipped !== undefined) throw new Error(`not made here: ${skipped}`)
    const words = Object.entries(verdict.classes).map(([id, n]) => `${n} ${id}`)
    found.push(words.join(', ') || NOTHING)
    // The database's files are the most of it.
    rmSync(join(run, 'set'), { recursive: true, force: true })
  }
  return found
}

function usage(why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(2)
}
