import Fastify from 'fastify'
import { connect } from 'tidewheel'
import { createApp } from 'tidewheel/http'

const client = await connect({ uri: process.env.MONGODB_URI })
const app = createApp({ client, basePath: '/tidewheel' }) // and `auth`, as above
const fastify = Fastify()
fastify.register(async below => {
  below.removeAllContentTypeParsers() // it reads bodies itself; the rest of the application keeps its own
  below.addContentTypeParser('*', (_request, _body, done) => done(null))
  const answer = (request, reply) => {
    reply.hijack()
    app.listener(request.raw, reply.raw)
  }
  below.all('/tidewheel', answer)
  below.all('/tidewheel/*', answer)
})
const base = await fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
console.log(`${base}/tidewheel/`)
