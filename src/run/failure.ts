/** Failure: an error as plain data, and back.
 *  In: whatever was thrown, which may be anything. Out: name, message and stack, which survive the way to another
 *  process and into the history. Pure. */
import type { Failure } from '../event.ts'

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Error) {
    const { name, message } = thrown
    return { name: String(name), message: String(message), ...(thrown.stack !== undefined && { stack: thrown.stack }) }
  }
  return { name: 'Error', message: typeof thrown === 'string' ? thrown : textOf(thrown) }
}

function textOf(thrown: unknown): string {
  try {
    return JSON.stringify(thrown) ?? String(thrown)
  } catch {
    return Object.prototype.toString.call(thrown)
  }
}

/** An error of that name and message; without a stack of its own it has none. */
export function errorOf({ name, message, stack }: Failure): Error {
  const error = new Error(message)
  error.name = name
  error.stack = stack ?? `${name}: ${message}`
  return error
}
