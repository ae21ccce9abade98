/** Token: a long random text that a program shows instead of a name and a password.
 *  In: nothing, or a text. Out: a new token, the hash it is stored as, and a keyed hash for what is only remembered.
 *  Tokens are random, so a quick hash is enough: nobody guesses 256 bits. */
import { createHash, createHmac, randomBytes } from 'node:crypto'

const BYTES = 32
/** Tokens can be found where they do not belong: in files, in logs. */
const PREFIX = 'tw_'

export const newToken = (): string => `${PREFIX}${randomBytes(BYTES).toString('base64url')}`

export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex')

/** A keyed hash of texts: equal for equal ones in this process, and no word about them. */
export function keyedHash(): (...texts: readonly string[]) => string {
  const key = randomBytes(BYTES)
  return (...texts) => createHmac('sha256', key).update(JSON.stringify(texts)).digest('hex')
}
