/** A program that listens to changes and events, closes its client, and then has nothing more to do: it has to end by itself. */
import { connect } from '../../src/client/connect.ts'

const client = await connect({ uri: process.argv[2] ?? '' })
const said = (what: string) => process.stdout.write(`${what}\n`)
client.jobs.changes$().subscribe({ complete: () => said('changes complete'), error: error => said(String(error)) })
await new Promise<void>(resolve => {
  client.events$().subscribe({
    next: ({ type }) => {
      said(type)
      resolve()
    },
    complete: () => said('events complete'),
    error: error => said(String(error)),
  })
})
await client.close()
said('closed')
