/** `tidewheel apply` and `tidewheel diff`: the jobs of a file, made so, or only compared.
 *  Both show the plan: `+` is added, `~` changed field by field, `-` removed. `diff` ends with exit 1 when there is anything in it;
 *  `apply` then makes it so, a job at a time, and can be called again where that was cut short. */
import { Command } from 'commander'
import {
  type Definition,
  type Difference,
  definitionsOf,
  differenceOf,
  type FieldChange,
  PLACED,
  type Placed,
} from '../client/definition.ts'
import { systemClock } from '../clock.ts'
import { nearest, TidewheelError } from '../errors.ts'
import type { Client, Job, JobChanges, JobInput } from '../index.ts'
import { toJson } from '../json.ts'
import { addSettings, type Call, run, withClient, withExample } from './call.ts'
import { colours } from './colours.ts'
import { EXIT } from './exit-codes.ts'
import { readJobFile } from './job-file.ts'

interface Options {
  readonly label?: string
  readonly prune?: boolean
  readonly with?: string
  readonly adopt?: boolean
  readonly dryRun?: boolean
}

/** A filter with more ids than that is asked in parts. */
const ASKED = 1_000
/** What takes longer says how far it is, so often. */
const TELL_MS = 1_000
/** Of a value in the plan. */
const MOST_SHOWN = 100

const withOptions = (command: Command) =>
  addSettings(
    command
      .argument('<file>', 'YAML or JSON: a list of jobs, or {label, jobs}; - is stdin')
      .option('--label <label>', 'the group of jobs that the file is whole for (default: the label in the file)')
      .option('--prune', 'remove jobs of the label that are not in the file')
      .option('--with <fields>', `of existing jobs bring these to the file, too: ${PLACED.join(', ')}`)
      .option('--adopt', 'also own jobs that were applied with another label'),
    ['timezone'],
  )

const OWNED =
  'Fields that the file says are brought to it, those that it no longer says are taken away, all others stay. In existing jobs ip\nand next_run_time stay as they are, and so does what is over.'

export const diffCommand = () =>
  withExample(
    withOptions(new Command('diff').description('what apply would change; exit 1 if anything')).action(
      run(['timezone'], async (call, options: Options, file: string) => {
        const { difference } = await withClient(call.settings, client => compare(client, file, { call, options }))
        call.out.result(
          toValue(difference),
          isNothing(difference) ? [] : [...linesOf(difference), sumOf(difference, 'to be ')],
        )
        if (isNothing(difference)) call.out.note('Nothing differs.')
        else process.exitCode = EXIT.failed
      }),
    ),
    ['tidewheel diff jobs.yaml', 'tidewheel diff jobs.yaml --prune --json'],
  )

export const applyCommand = () =>
  withExample(
    withOptions(new Command('apply').description('make the jobs as a file says'))
      .option('--dry-run', 'show what would change, and change nothing')
      .action(
        run(['timezone'], async (call, options: Options, file: string) => {
          const { out, settings } = call
          const { dryRun = false } = options
          await withClient(settings, async client => {
            const { difference, label } = await compare(client, file, { call, options })
            if (!out.json) out.result(undefined, linesOf(difference))
            if (!dryRun) await make(client, difference, { label, out })
            const value = { ...toValue(difference), ...(dryRun && { dry_run: true }) }
            out.result(value, [sumOf(difference, dryRun ? 'to be ' : '')])
          })
        }),
      ),
    ['tidewheel apply jobs.yaml --dry-run', 'tidewheel apply jobs.yaml --label billing --prune'],
    OWNED,
  )

interface Comparing {
  readonly call: Pick<Call, 'settings'>
  readonly options: Options
}

interface Compared {
  readonly difference: Difference
  readonly label: string | undefined
}

async function compare(client: Client, file: string, { call, options }: Comparing): Promise<Compared> {
  const { prune = false, adopt = false } = options
  const placed = placedOf(options.with)
  const given = await readJobFile(file)
  const label = options.label ?? given.label
  if (prune && label === undefined) {
    throw new TidewheelError(
      'invalid_option',
      '--prune: expected a label too, whose other jobs are removed; found none',
      {
        path: 'prune',
        advice: 'Give --label, or write label: NAME into the file beside jobs.',
      },
    )
  }
  const definitions = definitionsOf(given.jobs, call.settings.timezone)
  const present = await readPresent(client, definitions, prune ? label : undefined)
  const difference = differenceOf(definitions, present, { label, with: placed, adopt, now: systemClock.now() })
  return { difference, label }
}

/** Throws `invalid_option`. */
function placedOf(text: string | undefined): readonly Placed[] {
  if (text === undefined) return []
  return text.split(',').map(word => {
    const found = PLACED.find(field => field === word.trim())
    if (found !== undefined) return found
    const near = nearest(word.trim(), PLACED)
    const message = `--with: expected ${PLACED.join(' or ')}, found ${JSON.stringify(word)}`
    throw new TidewheelError('invalid_option', near === undefined ? message : `${message}; did you mean ${near}?`, {
      path: 'with',
    })
  })
}

/** The jobs of the file, and with a label all of that. */
export async function readPresent(client: Client, definitions: readonly Definition[], label: string | undefined) {
  const jobs = new Map<string, Job>()
  const keep = async (query: object) => {
    for await (const job of client.jobs.list(query)) jobs.set(job._id, job)
  }
  for (let from = 0; from < definitions.length; from += ASKED) {
    await keep({ _id: { $in: definitions.slice(from, from + ASKED).map(({ id }) => id) } })
  }
  if (label !== undefined) await keep({ 'x_applied.label': label })
  return [...jobs.values()]
}

interface Making extends Pick<Call, 'out'> {
  readonly label: string | undefined
}

export async function make(
  client: Client,
  { added, changed, removed }: Difference,
  { label, out }: Making,
): Promise<void> {
  const total = added.length + changed.length + removed.length
  let done = 0
  let told = systemClock.now()
  const each = async (work: () => Promise<unknown>) => {
    try {
      await work()
    } catch (error) {
      out.note(`${done} of ${total} done; apply once more goes on from there.`)
      throw error
    }
    done++
    if (systemClock.now() - told < TELL_MS) return
    told = systemClock.now()
    out.note(`${done} of ${total} done`)
  }
  for (const { id, fields } of added) await each(() => client.jobs.add({ _id: id, ...fields } as unknown as JobInput))
  for (const { id, changes } of changed) {
    const fields = Object.fromEntries(changes.map(({ field, to }) => [field, to]))
    await each(() => client.jobs.update(id, fields as JobChanges))
  }
  // Not one that was applied with another label meanwhile.
  for (const id of removed) await each(() => client.jobs.removeAll({ _id: id, 'x_applied.label': label } as object))
}

const isNothing = ({ added, changed, removed }: Difference) => added.length + changed.length + removed.length === 0

export function linesOf({ added, changed, removed, over }: Difference): readonly string[] {
  return [
    ...added.map(({ id, fields }) => colours.green(`+ ${id}  ${String(fields.func)}  ${shown(fields.trigger)}`)),
    ...changed.flatMap(({ id, changes }) => [colours.yellow(`~ ${id}`), ...changeLines(changes)]),
    ...removed.map(id => colours.red(`- ${id}`)),
    ...over.map(id => colours.dim(`. ${id}  is over, and not added: its schedule has no further time`)),
  ]
}

/** What the file owns is told only where nothing else changes. */
function changeLines(changes: readonly FieldChange[]): readonly string[] {
  const told = changes.filter(({ field }) => field !== 'x_applied')
  if (told.length === 0) return ['    x_applied: the file owns other fields of it']
  return told.map(({ field, from, to }) => `    ${field}: ${shown(from)} → ${shown(to)}`)
}

function shown(value: unknown): string {
  if (value === undefined) return 'none'
  const text = toJson(value)
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN - 1)}…` : text
}

export function sumOf({ added, changed, removed, unchanged }: Difference, how: '' | 'to be '): string {
  const parts = [`${added.length} ${how}added`, `${changed.length} ${how}changed`, `${removed.length} ${how}removed`]
  return `${parts.join(', ')}, ${unchanged} unchanged`
}

export const toValue = ({ added, changed, removed, over, unchanged }: Difference) => ({
  added: added.map(({ id }) => id),
  changed: changed.map(({ id, changes }) => ({
    _id: id,
    changes: changes.map(({ field, from = null, to = null }) => ({ field, from, to })),
  })),
  removed,
  over,
  unchanged,
})
