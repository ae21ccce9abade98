/** Attempts: how often somebody was refused, by name and by address.
 *  In: marks of one attempt (its name, its address) and whether it failed. Out: nothing, or the refusal 429 with when to come again,
 *  once a mark has ten failures within a minute; then a right password waits, too.
 *  Holds: no mark counts for another, and each takes as much memory, however long it is: what failed within a minute is what is kept. */
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { keyedHash } from '../user/token.ts'
import { Refusal } from './refusal.ts'

const MOST_FAILURES = 10
const WINDOW_S = 60
const SECOND_MS = 1_000

export class Attempts {
  readonly #limiter = new RateLimiterMemory({ points: MOST_FAILURES, duration: WINDOW_S })
  readonly #hash = keyedHash()

  /** Throws where one of the marks has failed too often. */
  async check(marks: readonly string[]): Promise<void> {
    const found = await Promise.all(marks.map(mark => this.#limiter.get(this.#hash(mark))))
    const full = found.filter(state => state !== null && state.consumedPoints >= MOST_FAILURES)
    if (full.length > 0) throw tooMany(Math.max(...full.map(state => state?.msBeforeNext ?? 0)))
  }

  /** Throws where it was one too many: of those that come at once, too, no more than ten are told that they are wrong. */
  async fail(marks: readonly string[]): Promise<void> {
    const states = await Promise.all(marks.map(mark => this.#limiter.penalty(this.#hash(mark))))
    const over = states.filter(({ consumedPoints }) => consumedPoints > MOST_FAILURES)
    if (over.length > 0) throw tooMany(Math.max(...over.map(({ msBeforeNext }) => msBeforeNext)))
  }
}

function tooMany(ms: number): Refusal {
  const seconds = Math.max(1, Math.ceil(ms / SECOND_MS))
  const message = `too many attempts have failed; try again in ${seconds} s`
  return new Refusal(429, 'too_many_attempts', message, { headers: { 'Retry-After': String(seconds) } })
}

/** Whose address it is: of IPv6 one connection has a whole /64. */
export function networkOf(address: string | undefined): string {
  const plain = (address ?? '').replace(/%.*$/, '').toLowerCase()
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain) ?? []
  if (mapped !== undefined || !plain.includes(':')) return mapped ?? plain
  const [head = '', tail] = plain.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0')
  const groups = [...before, ...gap, ...after].slice(0, 4)
  return `${groups.map(group => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
