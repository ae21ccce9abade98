/** Explore: every order in which the steps of a model can happen, breadth first.
 *  In: a model: a state of plain data, named steps, and what must never be. Out: how many states there are, and the shortest
 *  trace to a violation, as the names of the steps that lead there.
 *  Holds: a state is looked at once, however it is reached; two runs find the same. A step changes a copy, never the state. */

/** `when` it can happen, and what it then does to the state. A step that needs real, asynchronous code answers a promise. */
export type Steps<S> = Readonly<Record<string, readonly [when: (state: S) => unknown, then: (state: S) => unknown]>>

export interface Model<S extends object> {
  readonly start: S
  readonly steps: Steps<S>
  /** What is wrong in a state; undefined: nothing. `quiet`: no step is left. */
  readonly wrong: (state: S, quiet: boolean) => string | undefined
}

export interface Explored {
  readonly states: number
  readonly violation: string | undefined
  /** How to get there by as few steps as possible. */
  readonly trace: readonly string[]
}

/** More states than a test can wait for: the model is too large. */
const MOST_STATES = 60_000

export async function explore<S extends object>({ start, steps, wrong }: Model<S>): Promise<Explored> {
  const named = Object.entries(steps)
  const seen = new Map<string, { readonly from: string; readonly step: string } | undefined>()
  const open: [state: S, key: string][] = []
  const visit = (state: S, from?: string, step?: string) => {
    const key = keyOf(state)
    if (seen.has(key)) return
    seen.set(key, from === undefined || step === undefined ? undefined : { from, step })
    open.push([state, key])
  }
  visit(start)
  for (let i = 0; i < open.length; i++) {
    const [state, key] = open[i] as [S, string]
    const possible = named.filter(([, [when]]) => when(state))
    const violation = wrong(state, possible.length === 0)
    if (violation !== undefined) return { states: seen.size, violation, trace: traceTo(key, seen) }
    for (const [name, [, then]] of possible) {
      const next = copy(state)
      const done = then(next)
      if (done instanceof Promise) await done
      visit(next, key, name)
    }
    if (seen.size > MOST_STATES) throw new Error(`more than ${MOST_STATES} states; the last: ${key}`)
  }
  return { states: seen.size, violation: undefined, trace: [] }
}

function traceTo(
  key: string,
  seen: ReadonlyMap<string, { readonly from: string; readonly step: string } | undefined>,
): readonly string[] {
  const trace: string[] = []
  for (let at = seen.get(key); at !== undefined; at = seen.get(at.from)) trace.unshift(at.step)
  return trace
}

/** For a reader: what was found, in one line. */
export const told = ({ states, violation, trace }: Explored): string =>
  violation === undefined ? `holds in all ${states} states` : `${violation}: ${trace.join(' > ')}`

/** Steps that are the same for several actors. */
export const each = <S, A>(actors: readonly A[], steps: (actor: A) => Steps<S>): Steps<S> =>
  Object.assign({}, ...actors.map(steps)) as Steps<S>

/** A part of a state that no step changes, only puts another in its place: equal ones become one, never copied again. */
export function fixed<T extends object>(value: T): T {
  if (numbers.has(value)) return value
  const text = keyOf(value)
  const known = parts.get(text)
  if (known !== undefined) return known as T
  parts.set(text, value)
  numbers.set(value, parts.size)
  return value
}
const parts = new Map<string, object>()
const numbers = new WeakMap<object, number>()

/** Text that is the same for equal states. */
function keyOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? `"${value}"` : String(value)
  const number = numbers.get(value)
  if (number !== undefined) return `#${number}`
  if (value instanceof Date) return `@${value.getTime()}`
  if (Array.isArray(value)) return `[${value.map(keyOf).join()}]`
  let text = '{'
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    if (member !== undefined) text += `${key}:${keyOf(member)},`
  }
  return `${text}}`
}

/** A deep copy of plain data. Dates, other values with a class of their own and fixed parts are never changed, and shared. */
export function copy<T>(value: T): T {
  if (typeof value === 'object' && value !== null && numbers.has(value)) return value
  if (Array.isArray(value)) return value.map(copy) as T
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const made: Record<string, unknown> = {}
  for (const key in value) made[key] = copy((value as Record<string, unknown>)[key])
  return made as T
}
