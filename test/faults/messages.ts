/** Messages: what goes over a wire to MongoDB, cut into whole messages and read as far as a fault needs it.
 *  In: bytes. Out: messages; of a request, the command, its collection and its statements. Knows nothing of connections. */
import { BSON, type Document } from 'mongodb'

export interface Command {
  /** Such as `update`. */
  readonly name: string
  readonly collection: string
  /** The documents to insert, the updates to make; of a findAndModify its query and update as one. */
  readonly statements: readonly Document[]
}

const HEADER = 16
const OP_MSG = 2013
/** Header, flags, the kind of the first section. */
const BODY = HEADER + 5
const WRITES: ReadonlySet<string> = new Set(['findAndModify', 'update', 'insert', 'delete', 'bulkWrite'])

export const idOf = (message: Buffer): number => message.readInt32LE(4)
/** The request that a message answers. */
export const answerTo = (message: Buffer): number => message.readInt32LE(8)

/** The first element of a command's document names it. */
function nameOf(message: Buffer): string | undefined {
  if (message.length < BODY + 6 || message.readInt32LE(12) !== OP_MSG || message[BODY - 1] !== 0) return undefined
  const from = BODY + 5
  return message.toString('latin1', from, message.indexOf(0, from))
}

export function isWrite(message: Buffer): boolean {
  const name = nameOf(message)
  return name !== undefined && WRITES.has(name)
}

/** A request that writes; undefined: it does not. */
export function readWrite(message: Buffer): Command | undefined {
  const name = nameOf(message)
  if (name === undefined || !WRITES.has(name)) return undefined
  const size = message.readInt32LE(BODY)
  const body = BSON.deserialize(message.subarray(BODY, BODY + size))
  const own = name === 'findAndModify' ? [{ q: body.query, u: body.update }] : (body.updates ?? body.documents ?? [])
  return { name, collection: String(body[name]), statements: [...own, ...sequence(message, BODY + size)] }
}

/** Whether every statement of a write found its document, as its answer says. */
export function foundAll(answer: Buffer, statements: number): boolean {
  const { value, n } = BSON.deserialize(answer.subarray(BODY, BODY + answer.readInt32LE(BODY)))
  return value !== undefined ? value !== null : n === statements
}

/** The documents of the sections after the body. */
function sequence(message: Buffer, from: number): readonly Document[] {
  const documents: Document[] = []
  for (let at = from; at < message.length && message[at] === 1; ) {
    const end = at + 1 + message.readInt32LE(at + 1)
    for (let next = message.indexOf(0, at + 5) + 1; next < end; next += message.readInt32LE(next))
      documents.push(BSON.deserialize(message.subarray(next, next + message.readInt32LE(next))))
    at = end
  }
  return documents
}

/** Cuts a stream of bytes into whole messages. */
export function frames(each: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const length = rest.length < 4 ? Number.POSITIVE_INFINITY : rest.readInt32LE(0)
      if (rest.length < length) return
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      each(message)
    }
  }
}
