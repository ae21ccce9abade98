/** Known triggers: parses each distinct trigger once and shares it between all jobs that have it.
 *  In: the trigger as it lies in a document. Out: the same object for the same bytes, with its parsed form and fingerprint.
 *  Two triggers that mean the same but are stored differently (field order, text for a date) stay apart,
 *  because a guarded write compares with what is stored. What nobody uses any more is let go. Pure. */
import { fingerprint, type ParsedTrigger, parseTrigger, type Trigger } from '../trigger/trigger.ts'

export interface KnownTrigger {
  /** As stored: what guards compare with. */
  readonly stored: Trigger
  readonly parsed: ParsedTrigger
  readonly fingerprint: string
  readonly key: string
  users: number
}

export class KnownTriggers {
  readonly #timezone: string
  readonly #byKey = new Map<string, KnownTrigger>()

  constructor(timezone: string) {
    this.#timezone = timezone
  }

  /** Throws `invalid_trigger`. Every `take` is paid back by one `release`. */
  take(stored: Trigger): KnownTrigger {
    const key = exactly(stored)
    let known = this.#byKey.get(key)
    if (known === undefined) {
      const parsed = parseTrigger(stored, { timezone: this.#timezone })
      known = { stored, parsed, fingerprint: fingerprint(stored, this.#timezone), key, users: 0 }
      this.#byKey.set(key, known)
    }
    known.users++
    return known
  }

  release(known: KnownTrigger): void {
    if (--known.users === 0) this.#byKey.delete(known.key)
  }

  get size(): number {
    return this.#byKey.size
  }
}

/** Text that differs whenever two stored values differ in order, type or value. */
export function exactly(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Date) return `@${value.getTime()}`
  if (Array.isArray(value)) return `[${value.map(exactly).join(',')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const prototype = Object.getPrototypeOf(value)
  const kind = prototype === Object.prototype || prototype === null ? '' : String(value)
  return `${kind}{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}:${exactly(member)}`)
    .join(',')}}`
}
