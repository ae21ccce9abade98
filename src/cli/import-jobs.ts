/** Importing: what all kinds of `tidewheel import` share: their flags, the plan, and making it so.
 *  In: the jobs that a reader found, and what it skipped. Out: jobs brought to their definitions as `apply` does it: fields that the
 *  source says are brought to it, all others stay, and in existing jobs so do ip and next_run_time. The source is only read. */
import type { Command } from 'commander'
import { definitionsOf, differenceOf, extended } from '../client/definition.ts'
import { systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import type { Client, Trigger } from '../index.ts'
import type { Found, Skipped } from '../moving/found.ts'
import { linesOf, make, readPresent, sumOf, toValue } from './apply.ts'
import { addSettings, type Call, withClient } from './call.ts'
import { colours } from './colours.ts'

export interface ImportOptions {
  readonly ip?: string
  readonly prefix?: string
  readonly prune?: boolean
  readonly adopt?: boolean
  readonly dryRun?: boolean
}

/** `prefix`: what ids begin with where nothing else is said. */
export const withImportFlags = (command: Command, prefix: string): Command =>
  addSettings(
    command
      .option('--ip <ip>', 'the node that runs the new jobs (default: the cluster chooses)')
      .option('--prefix <text>', `what ids begin with (default: ${prefix}); another one for each machine or user`)
      .option('--prune', 'remove jobs of an earlier import that the source no longer has')
      .option('--adopt', 'also own jobs of another import, or of apply')
      .option('--dry-run', 'show what would change, and change nothing'),
    ['timezone'],
  )

/** What is imported. */
export interface Import extends Found {
  /** The kind of source: with prefix and ip it makes the label by which an import knows its jobs. */
  readonly source: string
  /** Done before jobs are stored, so that whoever runs them finds what they need. */
  readonly prepare?: () => void
}

export async function bring(call: Call, options: ImportOptions, found: Import): Promise<void> {
  const { out, settings } = call
  const { prune = false, adopt = false, dryRun = false } = options
  const definitions = definitionsOf(found.jobs.map(extended), settings.timezone)
  const label = labelOf(found.source, options)
  await withClient(settings, async client => {
    const present = await readPresent(client, definitions, prune ? label : undefined)
    const once = definitions.filter(({ fields }) => (fields.trigger as Trigger).type === 'date')
    const ran = await ranOf(
      client,
      once.map(({ id }) => id),
    )
    const difference = differenceOf(definitions, present, { label, adopt, ran, now: systemClock.now() })
    if (!out.json) out.result(undefined, [...linesOf(difference), ...found.skipped.map(skippedLine)])
    if (!dryRun) {
      found.prepare?.()
      await make(client, difference, { label, out })
    }
    const value = {
      jobs: definitions.map(({ id, fields }) => extended({ _id: id, ...fields })),
      skipped: found.skipped,
      ...toValue(difference),
      ...(dryRun && { dry_run: true }),
    }
    out.result(value, [`${sumOf(difference, dryRun ? 'to be ' : '')}, ${found.skipped.length} skipped`])
  }).catch(error => Promise.reject(advised(error)))
}

const labelOf = (source: string, { prefix, ip }: ImportOptions) =>
  `${source}${prefix === undefined ? '' : `:${prefix}`}${ip === undefined ? '' : `@${ip}`}`

/** Those of them that have a row in the history. Asked for jobs that run once: they are gone when they have run. */
async function ranOf(client: Client, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const ran = new Set<string>()
  for (let from = 0; from < ids.length; from += ASKED) {
    const query = { job_id: { $in: ids.slice(from, from + ASKED) } }
    for await (const { job_id } of client.history.list(query)) ran.add(job_id)
  }
  return ran
}

/** A filter with more ids than that is asked in parts. */
const ASKED = 1_000

function skippedLine({ line, text, why }: Skipped): string {
  return colours.dim(`! ${line === undefined ? '' : `line ${line}: `}${text}\n    ${why}`)
}

/** A job of another import: most likely of another machine. */
function advised(error: unknown): unknown {
  if (!(error instanceof TidewheelError) || error.code !== 'conflict' || typeof error.data.id !== 'string') return error
  const advice =
    'If it came from another machine or user, give this import a --prefix of its own; if from here, --adopt brings it to this one.'
  return new TidewheelError('conflict', error.message, { ...error.data, advice }, { cause: error })
}
