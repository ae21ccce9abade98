/** Fresh: a process that has never run anything. In it a node with default options, of the package as users install it; it keeps how
 *  late each function starts (`work`), or tells each start at once (`told`), and ends when it is killed or its parent is gone. */
import { wait } from '../../src/clock.ts'
import type { Run } from '../../src/index.ts'

export interface Starts {
  /** Milliseconds from the due time to the first line of the function. */
  readonly late: readonly number[]
  /** How many began before their due time, by the clock that a node goes by. */
  readonly early: number
}

const POLL_MS = 50
const [entry = '', uri = ''] = process.argv.slice(2)
const { createNode } = (await import(entry)) as typeof import('../../src/index.ts')
const late: number[] = []
let early = 0

const work = ({ runTime }: Run) => {
  if (Date.now() < runTime.getTime()) early++
  late.push(performance.timeOrigin + performance.now() - runTime.getTime())
}
const told = () => void process.send?.({ type: 'told', at: String(process.hrtime.bigint()) })

process.once('disconnect', () => process.exit())
process.on('message', async ({ count, limitMs }: { readonly count: number; readonly limitMs: number }) => {
  for (const end = performance.now() + limitMs; late.length < count && performance.now() < end; ) await wait(POLL_MS)
  process.send?.({ type: 'starts', late, early })
})
await createNode({ uri, ip: 'bench', logger: false, tasks: { work, told } }).start()
process.send?.({ type: 'active' })
