/** Password: hashed with scrypt, and compared.
 *  In: text. Out: `$scrypt$ln=14,r=8,p=5$salt$hash`, the salt and the cost beside the hash; whether a password is that one.
 *  It works on a thread of its own, one at a time, so that runs are not late because of it.
 *  Holds: a comparison takes as long for a name that does not exist as for one that does. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { TidewheelError } from '../errors.ts'
import { normalised } from './user.ts'

interface Cost {
  /** The exponent of two of scrypt's N. */
  readonly ln: number
  readonly r: number
  readonly p: number
}

interface Stored {
  readonly cost: Cost
  readonly salt: Buffer
  readonly hash: Buffer
}

/** 16 MiB; some 200 ms. */
const COST: Cost = { ln: 14, r: 8, p: 5 }
const SALT_BYTES = 16
const HASH_BYTES = 32
/** A stored cost beyond these is not paid. */
const MOST_BYTES = 64 * 1024 * 1024
const MOST_WORK = 2 ** 22
/** Whoever comes after so many is asked to come again. */
const MOST_WAITING = 64

let last: Promise<unknown> = Promise.resolve()
let waiting = 0

/** Work with passwords waits for its turn. Throws `timeout` where too much waits already. */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (waiting >= MOST_WAITING) {
    throw new TidewheelError('timeout', 'too many passwords are being looked at; try again in a second')
  }
  waiting++
  const mine = last.then(work)
  last = mine.catch(() => {})
  try {
    return await mine
  } finally {
    waiting--
  }
}

/** As it is stored. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  return textOf({ cost: COST, salt, hash: await derived(password, salt, COST, HASH_BYTES) })
}

/** Whether the password is the one that is stored; a stored text that is none is nobody's, and takes as long. */
export async function isPassword(password: string, stored: string): Promise<boolean> {
  const sound = readStored(stored)
  const { cost, salt, hash } = sound ?? DECOY
  const found = await derived(password, salt, cost, hash.length)
  return timingSafeEqual(found, hash) && sound !== undefined
}

/** A stored text that no password fits, which costs as much as the dearest of these. */
export function decoyFor(stored: Iterable<string>): string {
  let dearest: Cost | undefined
  for (const text of stored) {
    const cost = readStored(text)?.cost
    if (cost !== undefined && (dearest === undefined || workOf(cost) > workOf(dearest))) dearest = cost
  }
  return textOf({ ...DECOY, cost: dearest ?? COST })
}

const DECOY: Stored = { cost: COST, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) }

const workOf = ({ ln, r, p }: Cost) => 2 ** ln * r * p
const bytesOf = ({ ln, r }: Cost) => 128 * 2 ** ln * r

const textOf = ({ cost: { ln, r, p }, salt, hash }: Stored): string =>
  `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString('base64')}$${hash.toString('base64')}`

/** Undefined: it is none, or one that costs too much. */
function readStored(text: string): Stored | undefined {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/]+={0,2})\$([\w+/]+={0,2})$/.exec(text)
  if (match === null) return undefined
  const [ln = 0, r = 0, p = 0] = match.slice(1, 4).map(Number)
  const cost = { ln, r, p }
  const salt = Buffer.from(match[4] ?? '', 'base64')
  const hash = Buffer.from(match[5] ?? '', 'base64')
  if (ln < 1 || r < 1 || p < 1 || bytesOf(cost) > MOST_BYTES || workOf(cost) > MOST_WORK) return undefined
  return hash.length < HASH_BYTES || hash.length > 2 * HASH_BYTES ? undefined : { cost, salt, hash }
}

function derived(password: string, salt: Buffer, cost: Cost, bytes: number): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** cost.ln, r: cost.r, p: cost.p, maxmem: 2 * MOST_BYTES }
  return new Promise((resolve, reject) => {
    scrypt(normalised(password), salt, bytes, options, (error, hash) => (error ? reject(error) : resolve(hash)))
  })
}
