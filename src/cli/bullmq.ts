/** BullMQ, loaded from the folder that the command is called in, since it is the user's and not ours: the job schedulers of a queue.
 *  Throws `invalid_option` where the library is not there, `unreachable` and `unauthorised` where Redis
 *  gives no answer. */
import { createRequire } from 'node:module'
import path from 'node:path'
import { defer, firstValueFrom, timeout } from 'rxjs'
import { TidewheelError } from '../errors.ts'
import type { BullmqScheduler } from '../moving/bullmq.ts'

/** What is used of it. */
interface Queue {
  on(event: 'error', listener: (error: Error) => void): unknown
  getJobSchedulers?(): Promise<readonly BullmqScheduler[]>
  close(): Promise<void>
}

interface Bullmq {
  readonly Queue: new (name: string, options: { readonly connection: object; readonly prefix?: string }) => Queue
}

export interface QueueOptions {
  readonly redis: string
  readonly queue: string
  /** Of the keys in Redis. Default: BullMQ's, `bull`. */
  readonly redisPrefix?: string | undefined
  readonly timeoutMs: number
}

export async function readSchedulers(options: QueueOptions): Promise<readonly BullmqScheduler[]> {
  const { redis, queue: name, redisPrefix, timeoutMs } = options
  const connection = connectionOf(redis, timeoutMs)
  const queue = new (load().Queue)(name, { connection, ...(redisPrefix !== undefined && { prefix: redisPrefix }) })
  let trouble: Error | undefined
  queue.on('error', error => {
    trouble ??= error
  })
  try {
    return await firstValueFrom(defer(() => listed(queue)).pipe(timeout(timeoutMs)))
  } catch (error) {
    if (error instanceof TidewheelError) throw error
    throw noAnswer(trouble ?? error)
  } finally {
    await queue.close().catch(() => {})
  }
}

/** What Redis says when it wants another user or password. */
const UNAUTHORISED = /^(?:NOAUTH|WRONGPASS|NOPERM)\b/

function noAnswer(error: unknown): TidewheelError {
  const reason = error instanceof Error ? error.message : String(error)
  const cause = { cause: error }
  return UNAUTHORISED.test(reason)
    ? new TidewheelError(
        'unauthorised',
        `Redis refused these credentials: ${reason}`,
        { advice: 'Check --redis.' },
        cause,
      )
    : new TidewheelError(
        'unreachable',
        `Redis does not answer: ${reason}`,
        { advice: 'Start it or correct --redis.' },
        cause,
      )
}

async function listed(queue: Queue): Promise<readonly BullmqScheduler[]> {
  if (queue.getJobSchedulers !== undefined) return await queue.getJobSchedulers()
  throw new TidewheelError(
    'invalid_option',
    'bullmq: expected version 5.16 or later, which has job schedulers; found an older one',
    {
      advice: 'Install a newer bullmq here: npm install bullmq.',
    },
  )
}

function load(): Bullmq {
  try {
    return createRequire(path.join(process.cwd(), 'package.json'))('bullmq')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause
    const message = `bullmq: expected the library in ${process.cwd()} or above, found none`
    throw new TidewheelError('invalid_option', message, { advice: 'Install it here: npm install bullmq.' }, { cause })
  }
}

/** One try: nobody waits for a server that comes later. */
function connectionOf(redis: string, timeoutMs: number): object {
  if (!URL.canParse(redis) || !/^rediss?:$/.test(new URL(redis).protocol)) {
    const message = `--redis: expected an address such as redis://127.0.0.1:6379, found ${JSON.stringify(redis)}`
    throw new TidewheelError('invalid_option', message, { path: 'redis' })
  }
  const { protocol, hostname, port, username, password, pathname } = new URL(redis)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(/^\/\d+$/.test(pathname) && { db: Number(pathname.slice(1)) }),
    ...(protocol === 'rediss:' && { tls: {} }),
    connectTimeout: timeoutMs,
    retryStrategy: () => null,
  }
}
