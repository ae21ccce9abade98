/** Unstick: ends commands that the driver would wait for for ever.
 *  In: a client. Out: nothing; such commands fail as with any broken connection, and the driver sends them again where it may.
 *  The driver (seen on 7.8 and 7.9) that writes to a socket which ended in this very turn, as those of a primary do that dies, waits for it
 *  to drain; it never does, and neither a timeout of the socket nor its end is heard any more. Its connection is closed, and in use. */
import type { MongoClient } from 'mongodb'
import { every } from '../clock.ts'

/** What is read of the driver's inside; where a version of it has another one, nothing is done. */
interface Inside {
  readonly topology?: { readonly s?: { readonly servers?: ReadonlyMap<string, Server> } }
}
interface Server {
  readonly pool?: { readonly checkedOutConnections?: Iterable<Connection> }
}
interface Connection {
  readonly closed?: boolean
  readonly socket?: { emit(event: string): unknown }
}

const LOOK_MS = 200

/** Looks after a client until it is unsubscribed from. */
export const unstick = (client: MongoClient): { unsubscribe(): void } =>
  every(LOOK_MS, () => {
    for (const { pool } of (client as unknown as Inside).topology?.s?.servers?.values() ?? [])
      for (const { closed, socket } of pool?.checkedOutConnections ?? []) if (closed) socket?.emit('drain')
  })
