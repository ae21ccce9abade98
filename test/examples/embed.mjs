import { createNode } from 'tidewheel'

const node = createNode({
  uri: process.env.MONGODB_URI,
  tasks: { 'mail:digest': async (run, to) => run.log.info(`a digest for ${to}`) },
})
node.events$.subscribe(event => console.log(event.type, event.job_id ?? ''))
await node.start()
const trigger = { type: 'interval', seconds: 2 }
await node.jobs.add({ _id: 'digest', func: 'mail:digest', args: ['ann'], trigger }, { replace: true })
process.once('SIGINT', () => node.close())
