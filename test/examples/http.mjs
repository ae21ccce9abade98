import { createServer } from 'node:http'
import { connect } from 'tidewheel'
import { createApp } from 'tidewheel/http'

const client = await connect({ uri: process.env.MONGODB_URI })
const sessions = new Map([['5f2c', { user: 'ann', role: 'operator' }]]) // those of your application
const app = createApp({
  client, // or `node`: one that runs in this process
  basePath: '/tidewheel',
  auth: request => sessions.get(request.headers.get('x-session')) ?? null, // null: 401
})
const server = createServer(app.listener)
server.listen(Number(process.env.PORT ?? 7788), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/tidewheel/`)
})
process.once('SIGINT', async () => {
  await app.close()
  server.close()
  await client.close()
})
