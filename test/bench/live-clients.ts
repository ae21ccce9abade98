/** Clients of live events, in a process of their own so that their reading costs the node nothing: connects so many when told to, counts
 *  what comes and how long after it happened, cuts them off when told to. */
import { type ClientRequest, get } from 'node:http'
import { quantile } from './table.ts'

const [url = '', count = '0'] = process.argv.slice(2)
let requests: ClientRequest[] = []
let events = 0
let lost = 0
let took: number[] = []

async function open(): Promise<void> {
  requests = await Promise.all(
    Array.from(
      { length: Number(count) },
      (_, i) =>
        new Promise<ClientRequest>(resolve => {
          const request = get(url, { agent: false }, response => {
            response.on('data', chunk => heard(String(chunk), i === 0))
            response.on('error', () => {})
            response.on('close', () => lost++)
            resolve(request)
          })
          request.on('error', () => {})
        }),
    ),
  )
  ;[events, lost, took] = [0, 0, []]
}

function heard(text: string, timed: boolean): void {
  events += text.split('\nevent: ').length - 1
  if (!timed) return
  for (const [, at] of text.matchAll(/"at":"([^"]+)"/g)) took.push(Date.now() - Date.parse(at as string))
}

process.on('message', async what => {
  if (what === 'open') {
    await open()
    process.send?.('open')
  } else {
    process.send?.({ events, lost, p50: quantile(took, 0.5), p99: quantile(took, 0.99) })
    for (const request of requests) request.destroy()
  }
})
process.send?.('ready')
