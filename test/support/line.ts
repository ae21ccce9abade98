/** A line between a client and one server, and what can be wrong with it: cut, silent, losing or withholding the answers of commands.
 *  A client that goes through it needs `directConnection=true`, or a set whose members are known by the lines' addresses.
 *  Messages are passed on whole. */
import { type AddressInfo, createServer, Socket } from 'node:net'

export interface Line {
  readonly port: number
  /** Passes everything from now on, which it does from the start. */
  open(): void
  /** Closes all connections and refuses new ones. */
  cut(): void
  /** Takes what it is given and passes nothing on, neither way; what it took goes out when it opens. */
  silence(): void
  /** Sends the next `times` commands of these names to the server, and closes the connection in place of the answer. */
  loseAnswers(commands: readonly string[], times: number): void
  /** Sends the next `times` commands of these names to the server, and nothing in place of the answer: the connection stays. */
  withholdAnswers(commands: readonly string[], times: number): void
  /** Answers that were lost or withheld so far. */
  readonly lost: number
  close(): Promise<void>
}

const OP_MSG = 2013
/** Length, id, answered id, kind, flags, kind of section, length and type of the first field. */
const NAME_AT = 16 + 4 + 1 + 4 + 1

export async function openLine(target: number, port = 0): Promise<Line> {
  let weather: 'open' | 'cut' | 'silent' = 'open'
  let losing: ReadonlySet<string> = new Set()
  let times = 0
  let cutsWithIt = true
  let lost = 0
  const ends = new Set<() => void>()
  const flushes = new Set<() => void>()

  const server = createServer({ noDelay: true }, client => {
    if (weather === 'cut') return void client.resetAndDestroy()
    const far = new Socket().setNoDelay(true).connect(target, '127.0.0.1')
    const doomed = new Set<number>()
    const end = () => {
      client.destroy()
      far.destroy()
      ends.delete(end)
      for (const lane of [up, down]) flushes.delete(lane.flush)
    }
    const up = laneTo(far)
    const down = laneTo(client)
    ends.add(end)
    for (const socket of [client, far]) socket.on('error', end).on('close', end)
    client.on(
      'data',
      messages(message => {
        if (times > 0 && losing.has(nameOf(message))) {
          times--
          doomed.add(message.readInt32LE(4))
        }
        up.put(message)
      }),
    )
    far.on(
      'data',
      messages(message => {
        if (!doomed.delete(message.readInt32LE(8))) return down.put(message)
        lost++
        if (cutsWithIt) end()
      }),
    )
  })

  function laneTo(socket: Socket) {
    const kept: Buffer[] = []
    const flush = () => {
      if (weather !== 'silent') for (const message of kept.splice(0)) socket.write(message)
    }
    flushes.add(flush)
    return {
      flush,
      put(message: Buffer) {
        kept.push(message)
        flush()
      },
    }
  }

  await new Promise<void>((listening, fail) => server.on('error', fail).listen(port, '127.0.0.1', listening))
  const lose = (commands: readonly string[], count: number, cuts: boolean) => {
    losing = new Set(commands)
    times = count
    cutsWithIt = cuts
  }
  const become = (next: typeof weather) => {
    weather = next
    if (next === 'cut') for (const end of [...ends]) end()
    for (const flush of [...flushes]) flush()
  }
  return {
    port: (server.address() as AddressInfo).port,
    open: () => become('open'),
    cut: () => become('cut'),
    silence: () => become('silent'),
    loseAnswers: (commands, count) => lose(commands, count, true),
    withholdAnswers: (commands, count) => lose(commands, count, false),
    get lost() {
      return lost
    },
    async close() {
      const closed = new Promise(done => server.close(done))
      become('cut')
      await closed
    },
  }
}

/** Cuts a stream of bytes into whole messages. */
function messages(each: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0)
      each(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  }
}

/** The first field of a command names it. */
function nameOf(message: Buffer): string {
  if (message.length <= NAME_AT || message.readInt32LE(12) !== OP_MSG || message[20] !== 0) return ''
  return message.toString('latin1', NAME_AT, message.indexOf(0, NAME_AT))
}
