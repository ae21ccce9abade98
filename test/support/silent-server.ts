/** A server that takes connections and says nothing: a proxy that hangs, a database that is stuck, a port that is taken.
 *  `close()` ends its connections too. */
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface SilentServer {
  readonly port: number
  /** Resolves when the first one has come. */
  readonly visited: Promise<void>
  close(): Promise<void>
}

export async function silentServer(port = 0): Promise<SilentServer> {
  const sockets = new Set<Socket>()
  let visit = () => {}
  const visited = new Promise<void>(resolve => {
    visit = resolve
  })
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    visit()
  })
  await new Promise<void>((listening, fail) => server.on('error', fail).listen(port, '127.0.0.1', listening))
  const close = async (): Promise<void> => {
    const closed = new Promise(done => server.close(done))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { port: (server.address() as AddressInfo).port, visited, close }
}
