/** `tidewheel explain`: what a field of a job's document means, by the schema; needs no database.
 *  In: a path such as `max_instances`, `retry.delay` or `trigger.cron`; none: all fields. Out: meaning, type, default, an example to
 *  paste, and the fields below it as rows. */
import { Command } from 'commander'
import { type Explained, explain } from '../job/meaning.ts'
import { toJson } from '../json.ts'
import { type Call, run, withExample } from './call.ts'

export const explainCommand = () =>
  withExample(
    new Command('explain')
      .description("what a field of a job's document means; needs no database")
      .argument('[field]', 'its path; default: all fields')
      .action(
        run([], async ({ out }: Call, _, path: string | undefined) => {
          const found = explain(path ?? '')
          const { fields = [] } = found
          if (out.json) return out.result(found, [])
          if (found.path !== '') out.result(undefined, linesOf(found))
          if (fields.length > 0 && found.path !== '') out.result(undefined, [''])
          out.rows(undefined, ['FIELD', 'TYPE', 'DEFAULT', 'MEANING'], fields.map(rowOf))
        }),
      ),
    ['tidewheel explain', 'tidewheel explain misfire_grace_time', 'tidewheel explain trigger.cron'],
  )

function linesOf({ path, meaning, type, takes, example, kinds, ...field }: Explained): readonly string[] {
  const facts = [
    ['type', type],
    ['default', defaultOf(field)],
    ['takes', takes],
    ['of', kinds?.join(', ')],
    ['example', example === undefined ? undefined : toJson({ [path.replace(/^.*\./, '')]: example })],
  ]
  const shown = facts.flatMap(([name = '', value]) => (value === undefined ? [] : [`${name.padEnd(7)}  ${value}`]))
  return [`${path}: ${meaning}`, '', ...shown]
}

const rowOf = ({ path, type, meaning, ...field }: Explained): readonly string[] => [
  path,
  type,
  defaultOf(field) ?? '-',
  meaning,
]

const defaultOf = ({ default: value, absent }: Pick<Explained, 'default' | 'absent'>): string | undefined =>
  absent ?? (value === undefined ? undefined : toJson(value))
