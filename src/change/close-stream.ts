/** Close stream: ends a change stream so that the server keeps nothing of it.
 *  In: a stream that waits for no answer. Out: when it is gone there, too. Told twice: a server (seen on 6.0) that is told in the first
 *  moments of a stream says that it did, and keeps the cursor. */
import type { ChangeStream, Db, Long } from 'mongodb'
import { wait } from '../clock.ts'

const AGAIN_MS = 20
/** Under which a server has the cursors of a whole database. */
const OF_DATABASE = '$cmd.aggregate'

/** `collection`: absent for the stream of a whole database. */
export async function closeStream(stream: ChangeStream<never>, db: Db, collection = OF_DATABASE): Promise<void> {
  const { cursor } = stream as unknown as { readonly cursor?: { readonly id?: Long | null } }
  const id = cursor?.id
  await stream.close()
  if (id == null || id.isZero()) return
  await wait(AGAIN_MS)
  await db.command({ killCursors: collection, cursors: [id] })
}
