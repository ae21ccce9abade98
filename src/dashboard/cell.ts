/** Cell: one value that parts of the page look at.
 *  In: a new value. Out: whoever listens is told, and components that use it are drawn anew.
 *  Setting the same value tells nobody. */
import { useEffect, useState } from 'preact/hooks'

export class Cell<T> {
  #value: T
  readonly #listeners = new Set<() => void>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const listener of [...this.#listeners]) listener()
  }

  change(how: (value: T) => T): void {
    this.set(how(this.#value))
  }

  /** Answers with what ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

export function useCell<T>(cell: Cell<T>): T {
  const [, draw] = useState({})
  const drawn = cell.value
  useEffect(() => {
    const stop = cell.listen(() => draw({}))
    // It may have changed between the drawing and now.
    if (!Object.is(cell.value, drawn)) draw({})
    return stop
  }, [cell])
  return drawn
}
