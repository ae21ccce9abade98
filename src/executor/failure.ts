/** Failure: an error as plain data, and back.
 *  In: whatever was thrown, which may be anything. Out: name, message and stack, which survive the way to another
 *  process and into the history. Pure.
 *  Holds: nothing that was thrown throws again here, whatever its getters, its proxy or its `toString` do. */
import type { Failure } from '../event.ts'

const WORDLESS = 'a thrown value that cannot be put into words'

export function failureOf(thrown: unknown): Failure {
  if (!isError(thrown)) return { name: 'Error', message: textOf(thrown) }
  const stack = said(() => thrown.stack)
  return {
    name: said(() => String(thrown.name)) ?? 'Error',
    message: said(() => String(thrown.message)) ?? WORDLESS,
    ...(stack !== undefined && { stack }),
  }
}

/** Whether it is an error, as far as it lets itself be asked. */
export function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error
  } catch {
    return false
  }
}

const textOf = (thrown: unknown): string =>
  typeof thrown === 'string'
    ? thrown
    : (said(() => JSON.stringify(thrown)) ??
      said(() => String(thrown)) ??
      said(() => Object.prototype.toString.call(thrown)) ??
      WORDLESS)

/** A text, unless it is none or cannot be had. */
function said(text: () => unknown): string | undefined {
  try {
    const value = text()
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/** An error of that name and message; without a stack of its own it has none. */
export function errorOf({ name, message, stack }: Failure): Error {
  const error = new Error(message)
  error.name = name
  error.stack = stack ?? `${name}: ${message}`
  return error
}
