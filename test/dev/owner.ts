/** A program that owns a mongod, for tests to interrupt and kill: starts one in the folder it is given, says so on
 *  stdout, and stays; an interrupt makes it say so and nothing else. */
import { startMongod } from '../../src/dev/mongod.ts'

const [dataDir = ''] = process.argv.slice(2)
const { uri, pid } = await startMongod({ dataDir })
process.on('SIGINT', () => console.log('interrupted'))
console.log(JSON.stringify({ uri, pid }))
