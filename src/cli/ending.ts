/** Ending: how the nodes of a command end when it is asked to end.
 *  In: nodes, and how long their runs may go on. Out: when all are closed and the ends of their runs are stored.
 *  Holds: runs that go on after that are aborted, and that is said; nothing is waited for without end. */
import { systemClock, within } from '../clock.ts'
import type { TidewheelNode } from '../index.ts'
import type { Output } from './output.ts'

/** Ends of runs are stored within 5 s after the limit; a start that does not come to an end is never over. */
const LEAVE_MS = 6_000

export async function endNodes(nodes: readonly TidewheelNode[], timeout: number, out: Output): Promise<void> {
  const late = systemClock.schedule(() => {
    const running = nodes.reduce((sum, node) => sum + node.status().running, 0)
    if (running > 0) out.note(`${count(running)} after ${timeout} ms and ${running === 1 ? 'is' : 'are'} aborted.`)
  }, timeout)
  try {
    const closing = Promise.all(nodes.map(node => node.close({ timeout })))
    await within(closing, timeout + LEAVE_MS, () => out.note('What has not ended by now ends with the process.'))
  } finally {
    late.unsubscribe()
  }
}

const count = (running: number) => (running === 1 ? '1 run still goes on' : `${running} runs still go on`)
