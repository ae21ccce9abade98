/** `tidewheel import bullmq`: the job schedulers of a queue, with their next run times. Jobs that wait in the queue stay there.
 *  Redis is only read: while workers take the jobs of these schedulers, runs happen twice. */
import { Command } from 'commander'
import { fromBullmq } from '../moving/bullmq.ts'
import { readSchedulers } from './bullmq.ts'
import { run, withExample } from './call.ts'
import { readFuncMap } from './func-map.ts'
import { bring, type ImportOptions, withImportFlags } from './import-jobs.ts'

interface Options extends ImportOptions {
  readonly redis: string
  readonly queue: string
  readonly redisPrefix?: string
  readonly funcMap?: string
}

export const importBullmqCommand = () =>
  withExample(
    withImportFlags(
      new Command('bullmq')
        .description('the job schedulers of a BullMQ queue, by the bullmq that is installed in this folder')
        .requiredOption('--redis <url>', 'where the queue is, such as redis://127.0.0.1:6379')
        .requiredOption('--queue <name>', 'the queue')
        .option('--redis-prefix <text>', "of BullMQ's keys (default: bull)")
        .option('--func-map <file>', 'JSON: our function for a name of their jobs (default: the same name)'),
      'bullmq-QUEUE',
    ).action(
      run(['timezone'], async (call, options: Options) => {
        const { connectTimeout, timezone } = call.settings
        const { redis, queue, redisPrefix, prefix, ip } = options
        const funcs = await readFuncMap(options.funcMap)
        const schedulers = await readSchedulers({ redis, queue, redisPrefix, timeoutMs: connectTimeout })
        if (schedulers.length === 0) call.out.note(`The queue ${queue} has no job schedulers.`)
        const found = fromBullmq(schedulers, {
          queue,
          funcs,
          ...(prefix !== undefined && { prefix }),
          ...(ip !== undefined && { ip }),
          ...(timezone !== undefined && { timezone }),
        })
        await bring(call, options, { jobs: found.jobs, skipped: found.skipped, source: `bullmq:${queue}` })
      }),
    ),
    [
      'tidewheel import bullmq --redis redis://127.0.0.1:6379 --queue mail --dry-run',
      'tidewheel import bullmq --redis redis://127.0.0.1:6379 --queue mail --func-map names.json',
    ],
    'Remove the job schedulers (queue.removeJobScheduler) when their jobs are here: both would run them.',
  )
