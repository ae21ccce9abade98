/** `tidewheel export`: the jobs that there are as a file for `apply`: YAML, or JSON with `--json`.
 *  Left out is what nodes write and what is an order for once; a pause stays, and so does the node that a person chose. */
import { Command } from 'commander'
import { definitionOf } from '../client/definition.ts'
import type { Client } from '../index.ts'
import { run, withClient, withExample } from './call.ts'
import { yamlOf } from './job-file.ts'

interface Options {
  readonly tag?: string
  readonly ip?: string
  readonly label?: string
}

export const exportCommand = () =>
  withExample(
    new Command('export')
      .description('jobs as a file for apply: YAML, or JSON with --json')
      .argument('[id...]', 'only these')
      .option('--tag <tag>', 'only those with this tag')
      .option('--ip <ip>', "only this node's")
      .option('--label <label>', 'only those that were applied with this label')
      .action(
        run([], async ({ settings, out }, options: Options, ids: readonly string[]) => {
          const jobs = await withClient(settings, client => read(client, ids, options))
          out.result(jobs, [yamlOf(jobs)])
          if (jobs.length === 0) out.note('There is no such job.')
        }),
      ),
    ['tidewheel export > jobs.yaml', 'tidewheel export --tag mail --json'],
  )

async function read(client: Client, ids: readonly string[], { tag, ip, label }: Options): Promise<readonly unknown[]> {
  for (const id of ids) await client.jobs.get(id)
  const query = {
    ...(ids.length > 0 && { _id: { $in: [...ids] } }),
    ...(tag !== undefined && { tags: tag }),
    ...(ip !== undefined && { ip }),
    ...(label !== undefined && { 'x_applied.label': label }),
  }
  const jobs: unknown[] = []
  for await (const job of client.jobs.list(query)) {
    const definition = definitionOf(job)
    if (definition !== undefined) jobs.push(definition)
  }
  return jobs
}
