/** Process group: a child process that leads a group of its own, and everything it started there.
 *  In: a child that was started `detached`. Out: signals to all of the group, and how its leader ended.
 *  Holds: once the group was found empty it is never signalled again, since its number may then be another's. */
import type { ChildProcess } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { systemClock } from '../clock.ts'

/** How a process ended: one of the two is null. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** How often a group that was asked to end is looked at. */
const LOOK_MS = 50

export class ProcessGroup {
  readonly #child: ChildProcess
  /** Resolves when the leader has ended; rejects when it could not be started. */
  readonly ended: Promise<End>
  #empty = false

  constructor(child: ChildProcess) {
    this.#child = child
    this.ended = new Promise((resolve, reject) => {
      child.once('error', error => child.pid === undefined && reject(error))
      child.once('exit', (code, signal) => {
        this.signal(0)
        resolve({ code, signal })
      })
    })
    child.on('error', () => {})
    this.ended.catch(() => {})
  }

  /** False: nobody is left in it. */
  signal(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.#child
    if (this.#empty || pid === undefined) return false
    try {
      process.kill(-pid, signal)
    } catch {
      this.#empty = true
    }
    return !this.#empty
  }

  /** Resolves when nobody is left, or after so many milliseconds. */
  async emptied(ms: number): Promise<void> {
    for (let waited = 0; waited < ms && this.signal(0); waited += LOOK_MS) {
      if (await isDead(this.#child.pid)) return
      await pause(LOOK_MS)
    }
  }
}

/** Whether all that is left of a group waits to be reaped: in containers without an init process nobody does that. */
async function isDead(group: number | undefined): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const pids = (await readdir('/proc').catch(() => [])).filter(name => /^\d+$/.test(name))
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
    const [state, , of] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(of) === group && state !== 'Z' && state !== 'X') return false
  }
  return pids.length > 0
}

export const pause = (ms: number): Promise<void> =>
  new Promise(resolve => void systemClock.schedule(() => resolve(), ms))
