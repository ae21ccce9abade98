/** The table of wrong options of `createApp`, with the sentence that each gets. Nothing is asked of a database. */
import { expect, test } from 'vitest'
import { type AppOptions, createApp } from '../../src/api/app.ts'

const nothing = () => {}
/** As much of a client, and of a node, as is asked for before it is used. */
const client = { jobs: {}, history: {}, nodes: { list: nothing }, users: {}, events$: nothing }

test.each<[wrong: unknown, sentence: string]>([
  [undefined, 'options: expected an object such as {client}, found none'],
  [null, 'options: expected an object such as {client}, found null'],
  [[], 'options: expected an object such as {client}, found an empty array'],
  [{}, 'createApp: expected a client or a node, found neither'],
  [{ client: { connect: nothing, db: nothing } }, 'client: expected a client as connect gives it, found an object'],
  [{ node: client }, 'node: expected a node as createNode gives it, found an object'],
  [{ client, readonly: true }, 'readonly: there is no such option of createApp; did you mean readOnly?'],
  [{ client, readOnly: 'yes' }, 'readOnly: expected true or false, found "yes"'],
  [{ client, metricsAuth: 1 }, 'metricsAuth: expected true or false, found 1'],
  [{ client, auth: 'session' }, 'auth: expected a function that says who asks, found "session"'],
  [{ client, auht: nothing }, 'auht: there is no such option of createApp; did you mean auth?'],
  [{ client, basePath: 'jobs' }, 'basePath: expected a path such as /tidewheel, found "jobs"'],
  [{ client, basePath: 5 }, 'basePath: expected a path such as /tidewheel, found 5'],
  [{ client, allowedHosts: 'a' }, 'allowedHosts: expected a list of names such as ["jobs.example.org"], found "a"'],
  [{ client, logger: console }, 'logger: expected a logger of pino, or false for silence, found an object'],
])('createApp(%o) is refused', (options, sentence) => {
  let thrown: unknown
  try {
    createApp(options as AppOptions)
  } catch (error) {
    thrown = error
  }
  expect(thrown).toMatchObject({ name: 'TidewheelError', code: 'invalid_option', message: sentence })
})

test.each(['/ops', '/ops/', '/', ''])('a base path may be %j', async basePath => {
  await createApp({ client: client as never, basePath, logger: false }).close()
})
