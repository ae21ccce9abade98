/** Proxy: the lines of one node to all members of a replica set, and what can be wrong with them.
 *  Each member gets an address of its own for this node; where a server names the members, their addresses are replaced (they
 *  have the same length), so that the driver never finds its way around the proxy. Messages are passed on whole.
 *  A trap waits for one request; it, or its answer, is never passed on.
 *  A silent line keeps what it was given and passes it on when it heals, as TCP would: also to a server whose client has left. */
import { type AddressInfo, createServer, type Server, Socket } from 'node:net'
import { answerTo, frames, idOf, isWrite } from './messages.ts'

export type Weather =
  | { readonly type: 'open' }
  /** Connections are closed, new ones refused. */
  | { readonly type: 'cut' }
  /** Nothing passes, in one direction or both. */
  | { readonly type: 'silent'; readonly up: boolean; readonly down: boolean }
  /** Everything is late, in both directions, or some requests. */
  | { readonly type: 'delay'; readonly ms: number; readonly only?: (request: Buffer) => boolean }
  /** The server does what it is told, and every second answer to a write never arrives. */
  | { readonly type: 'answer-lost' }

export interface Trap {
  /** Whether this is the request that is waited for. */
  readonly matches: (request: Buffer) => boolean
  /** What is not passed on: the request, the answer that the server gave to it, or nothing. */
  readonly keeps: 'request' | 'answer' | 'nothing'
  /** Called at the moment at which it is held, or comes by. */
  readonly sprung: (held: Buffer) => void
}

export interface Line {
  /** Addresses of the members, as this node knows them. */
  readonly hosts: readonly string[]
  become(weather: Weather): void
  /** Closes all connections, once. */
  reset(): void
  /** Sets the one trap, or takes it away. */
  trap(trap: Trap | undefined): void
  /** Answers that were kept back after their write. */
  readonly lost: () => number
  close(): Promise<void>
}

export async function openLine(memberPorts: readonly number[]): Promise<Line> {
  let weather: Weather = { type: 'open' }
  let trap: Trap | undefined
  let lost = 0
  let writes = 0
  const links = new Set<Link>()
  let names: readonly (readonly [string, string])[] = []
  const renamed = (message: Buffer): Buffer => {
    for (const [real, ours] of names) {
      for (let at = message.indexOf(real); at >= 0; at = message.indexOf(real, at + 1))
        message.write(ours, at, 'latin1')
    }
    return message
  }
  const servers = await Promise.all(
    memberPorts.map(memberPort => {
      const server = createServer({ noDelay: true }, client => {
        if (weather.type === 'cut') return void client.resetAndDestroy()
        const link = new Link(client, memberPort, {
          weather: () => weather,
          renamed,
          loses: () => writes++ % 2 === 0,
          told: () => void lost++,
          caught(request) {
            const found = trap?.matches(request) === true ? trap : undefined
            if (found !== undefined) trap = undefined
            return found
          },
        })
        links.add(link)
        link.onEnd = () => links.delete(link)
      })
      return listening(server)
    }),
  )
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  names = memberPorts.map((port, i) => [`127.0.0.1:${port}`, `127.0.0.1:${ports[i]}`] as const)
  const reset = () => {
    for (const link of [...links]) link.destroy()
  }
  return {
    hosts: ports.map(port => `127.0.0.1:${port}`),
    become(next) {
      weather = next
      if (next.type === 'cut') reset()
      for (const link of [...links]) link.flush()
    },
    reset,
    trap(next) {
      trap = next
    },
    lost: () => lost,
    async close() {
      reset()
      await Promise.all(servers.map(server => new Promise(done => server.close(done))))
    },
  }
}

/** Listens where nobody does; addresses of one length can be put in place of one another, so the port has five digits. */
async function listening(server: Server): Promise<Server> {
  for (;;) {
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    if ((server.address() as AddressInfo).port >= 10_000) return server
    await new Promise(done => server.close(done))
  }
}

interface Sky {
  readonly weather: () => Weather
  readonly renamed: (message: Buffer) => Buffer
  /** Whether the answer of this write is to be lost. */
  readonly loses: () => boolean
  readonly told: () => void
  /** The trap that this request is caught in; it is gone then. */
  readonly caught: (request: Buffer) => Trap | undefined
}

/** One connection of a client to a member. */
class Link {
  onEnd: () => void = () => {}
  readonly #client: Socket
  readonly #server: Socket
  readonly #sky: Sky
  readonly #up: Lane
  readonly #down: Lane
  /** Requests whose answers are to be lost. */
  readonly #doomed = new Set<number>()
  /** Requests whose answers are to be caught. */
  readonly #caught = new Map<number, Trap>()

  constructor(client: Socket, port: number, sky: Sky) {
    this.#client = client
    this.#sky = sky
    this.#server = new Socket()
    this.#server.setNoDelay(true)
    this.#server.connect(port, '127.0.0.1')
    const silent = () => {
      const weather = sky.weather()
      return weather.type === 'silent' ? weather : { up: false, down: false }
    }
    const delay = (request?: Buffer) => {
      const weather = sky.weather()
      if (weather.type !== 'delay') return 0
      const isLate = weather.only === undefined || (request !== undefined && weather.only(request))
      return isLate ? weather.ms : 0
    }
    this.#up = new Lane(this.#server, () => silent().up, delay)
    this.#down = new Lane(
      client,
      () => silent().down,
      () => delay(),
    )
    client.on(
      'data',
      frames(message => this.#sent(message)),
    )
    this.#server.on(
      'data',
      frames(message => this.#answered(message)),
    )
    client.on('error', () => client.destroy())
    this.#server.on('error', () => this.destroy())
    client.on('close', () => this.#gone('client'))
    this.#server.on('close', () => this.#gone('server'))
  }

  destroy(): void {
    this.#client.resetAndDestroy()
    this.#server.destroy()
    this.onEnd()
  }

  flush(): void {
    this.#up.flush()
    this.#down.flush()
  }

  #sent(message: Buffer): void {
    const trap = this.#sky.caught(message)
    if (trap?.keeps === 'request') return trap.sprung(message)
    if (trap?.keeps === 'nothing') trap.sprung(message)
    else if (trap !== undefined) this.#caught.set(idOf(message), trap)
    const weather = this.#sky.weather()
    if (weather.type === 'answer-lost' && isWrite(message) && this.#sky.loses()) this.#doomed.add(idOf(message))
    this.#up.put(message)
  }

  #answered(message: Buffer): void {
    const trap = this.#caught.get(answerTo(message))
    if (trap !== undefined) return trap.sprung(message)
    if (this.#doomed.delete(answerTo(message))) {
      this.#sky.told()
      return this.destroy()
    }
    this.#down.put(this.#sky.renamed(message))
  }

  #gone(side: 'client' | 'server'): void {
    // A silent line tells nobody that the other end has left.
    if (side === 'client') this.#up.end()
    else this.#down.end()
    if (this.#client.destroyed && this.#server.destroyed) this.onEnd()
  }
}

/** Messages of one direction, in order. */
class Lane {
  readonly #to: Socket
  readonly #isSilent: () => boolean
  readonly #delay: (message?: Buffer) => number
  #kept: Buffer[] = []
  #ended = false
  #freeAt = 0

  constructor(to: Socket, isSilent: () => boolean, delay: (message?: Buffer) => number) {
    this.#to = to
    this.#isSilent = isSilent
    this.#delay = delay
  }

  put(message: Buffer): void {
    this.#kept.push(message)
    this.flush()
  }

  end(): void {
    this.#ended = true
    this.flush()
  }

  flush(): void {
    if (this.#isSilent()) return
    for (const message of this.#kept.splice(0)) this.#later(() => this.#to.write(message), this.#delay(message))
    if (this.#ended) this.#later(() => this.#to.end(), this.#delay())
  }

  #later(what: () => void, ms: number): void {
    const now = performance.now()
    this.#freeAt = Math.max(this.#freeAt, now + ms)
    if (this.#freeAt <= now) what()
    else setTimeout(what, this.#freeAt - now)
  }
}
