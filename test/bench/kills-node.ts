/** Kills node: one process that runs a node, until it is killed. */
import { createNode } from '../../src/index.ts'

const [uri = '', ip = ''] = process.argv.slice(2)
const node = createNode({ uri, ip, logger: false, tasks: { work: () => {} } })
await node.start()
process.send?.('started')
process.once('SIGTERM', () => void node.close().then(() => process.exit(0)))
