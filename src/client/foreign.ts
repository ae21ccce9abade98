/** Foreign documents: read from a collection of another program, on any server of MongoDB, also one that is no replica set.
 *  In: a connection string and names. Out: the documents that a filter takes, and how many others there are. Nothing is written. */
import { type Document, type Filter, MongoClient } from 'mongodb'
import { asked } from '../database/connection.ts'
import { TidewheelError } from '../errors.ts'

export interface Foreign {
  readonly uri: string
  /** Default: that of the connection string. */
  readonly db?: string | undefined
  readonly collection: string
  readonly filter: Filter<Document>
  /** How long to look for the server. */
  readonly timeoutMs: number
}

export interface ForeignDocuments {
  /** In the order of their ids. */
  readonly documents: readonly Document[]
  /** How many the filter does not take. */
  readonly others: number
}

/** Throws `not_found` where there is no such collection, and `invalid_option`, `unreachable`, `unauthorised`. */
export const readForeign = ({ uri, db: name, collection, filter, timeoutMs }: Foreign): Promise<ForeignDocuments> =>
  asked(async () => {
    await using client = new MongoClient(uri, {
      appName: 'tidewheel import',
      serverSelectionTimeoutMS: timeoutMs,
      connectTimeoutMS: timeoutMs,
    })
    const db = client.db(name)
    const documents = await db.collection(collection).find(filter).sort({ _id: 1 }).toArray()
    const all = await db.collection(collection).countDocuments()
    if (all === 0) {
      const message = `collection ${collection} of the database ${db.databaseName}: expected jobs, found none`
      throw new TidewheelError('not_found', message, {
        advice: 'Give --from a connection string with the right database in it, and --collection.',
      })
    }
    return { documents, others: all - documents.length }
  })
