/** Fresh node: this side of a process that has never run anything (fresh.ts); `active` when its node is. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { built } from '../support/cli.ts'
import type { Starts } from './fresh.ts'

export interface FreshNode {
  readonly child: ChildProcess
  /** Those of `work`, once there are so many or the time is over. */
  starts(count: number, limitMs: number): Promise<Starts>
  stop(): Promise<void>
}

/** Of the package as it is built from these sources; made when it is asked for first. */
export const entry = () => pathToFileURL(join(built(), 'index.js')).href

export async function startFreshNode(uri: string): Promise<FreshNode> {
  const child = fork(fileURLToPath(new URL('./fresh.ts', import.meta.url)), [entry(), uri], {
    execArgv: ['--import', 'tsx'],
  })
  const ended = once(child, 'exit')
  const said = async (type: string): Promise<unknown> => {
    for (;;) {
      const [message] = await Promise.race([once(child, 'message'), ended.then(() => [undefined])])
      if (message === undefined) throw new Error(`the node's process ended before it said ${type}`)
      if (message.type === type) return message
    }
  }
  await said('active')
  return {
    child,
    starts: (count, limitMs) => {
      child.send({ count, limitMs })
      return said('starts') as Promise<Starts>
    },
    stop: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
