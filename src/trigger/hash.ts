/** Hashes of triggers and run times: the same on every node and after every restart.
 *  A fingerprint tells triggers apart that mean different documents, whatever the order of their keys;
 *  its number before the colon changes when the way of making it does. */

const VERSION = 1

/** Of a trigger document read in a time zone. Null and absent are the same, a number is its value, a Date its ISO text. */
export function fingerprint(raw: unknown, timezone: string): string {
  const text = `${canonical(raw)}@${timezone}`
  const [a, b] = hash(text, 0x9e3779b9)
  const [c, d] = hash(text, 0x7f4a7c15)
  return `${VERSION}:${a.toString(36)}.${b.toString(36)}.${c.toString(36)}.${d.toString(36)}`
}

/** Milliseconds, 0 to jitterSeconds·1000, by which a run of a job is delayed. */
export function jitterMs(jobId: string, runTime: number, jitterSeconds: number): number {
  if (!(jitterSeconds > 0)) return 0
  const [high, low] = hash(`${runTime}/${jobId}`, 0x2545f491)
  const fraction = (high * 2 ** 21 + (low >>> 11)) / 2 ** 53
  return Math.floor(fraction * (Math.floor(jitterSeconds * 1000) + 1))
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null) ?? 'null'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const plain = typeof value.valueOf === 'function' ? value.valueOf() : value
  if (typeof plain !== 'object') return canonical(plain)
  const fields = value as Readonly<Record<string, unknown>>
  let text = '{'
  for (const key of Object.keys(fields).sort()) {
    const field = fields[key]
    if (field !== undefined && field !== null) text += `${JSON.stringify(key)}:${canonical(field)},`
  }
  return `${text}}`
}

/** Two 32-bit numbers from text: multiply and mix, code unit by code unit, then let every bit reach every other. */
function hash(text: string, seed: number): [number, number] {
  let a = seed ^ text.length
  let b = ~seed
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 0x85ebca6b)
    a = (a << 13) | (a >>> 19)
    b = Math.imul(b ^ unit, 0xc2b2ae35) + a
  }
  return [finish(a ^ (b >>> 7)), finish(b ^ Math.imul(a, 0x27d4eb2f))]
}

function finish(n: number): number {
  let x = n ^ (n >>> 16)
  x = Math.imul(x, 0x45d9f3b)
  x ^= x >>> 15
  x = Math.imul(x, 0x2c1b3c6d)
  return (x ^ (x >>> 16)) >>> 0
}
