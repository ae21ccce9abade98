import express from 'express'
import { connect } from 'tidewheel'
import { createApp } from 'tidewheel/http'

const client = await connect({ uri: process.env.MONGODB_URI })
const app = createApp({ client, basePath: '/tidewheel' }) // and `auth`, as above
const server = express()
  .use('/tidewheel', app.listener) // before express.json(): it reads bodies itself
  .listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${server.address().port}/tidewheel/`)
  })
