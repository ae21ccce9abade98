/** Ending: how the nodes of a command end when it is asked to end.
 *  In: nodes, and how long their runs may go on. Out: when all are closed and the ends of their runs are stored.
 *  Holds: runs that go on after that are aborted, and that is said; nothing is waited for without end. */
import { systemClock } from '../clock.ts'
import type { TidewheelNode } from '../index.ts'
import type { Output } from './output.ts'

export async function endNodes(nodes: readonly TidewheelNode[], timeout: number, out: Output): Promise<void> {
  const late = systemClock.schedule(() => {
    const running = nodes.reduce((sum, node) => sum + node.status().running, 0)
    if (running > 0) out.note(`${count(running)} after ${timeout} ms and ${running === 1 ? 'is' : 'are'} aborted.`)
  }, timeout)
  try {
    await Promise.all(nodes.map(node => node.close({ timeout })))
  } finally {
    late.unsubscribe()
  }
}

const count = (running: number) => (running === 1 ? '1 run still goes on' : `${running} runs still go on`)
