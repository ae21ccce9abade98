/** Address: what the address bar says, which is what the page shows.
 *  In: links, keys, the browser's own back and forward. Out: the place as path and query, without the base.
 *  Every view can be shared by its address; nothing that a view shows lies elsewhere but in it and in the database. */
import { BASE, below } from './base-path.ts'
import { Cell } from './cell.ts'

export interface Address {
  /** Begins with `/`. */
  readonly path: string
  readonly query: URLSearchParams
}

function read(): Address {
  const { pathname, search } = location
  const path = pathname.startsWith(BASE) ? pathname.slice(BASE.length - 1) : pathname
  return { path, query: new URLSearchParams(search) }
}

export const address = new Cell<Address>(read())

addEventListener('popstate', () => address.set(read()))

/** `replace`: the place is refined, not left, so that "back" does not walk through every letter typed. */
export function go(to: string, { replace = false } = {}): void {
  const url = below(to)
  if (url === location.pathname + location.search) return
  if (replace) history.replaceState(null, '', url)
  else history.pushState(null, '', url)
  const before = address.value.path
  address.set(read())
  if (address.value.path !== before) scrollTo(0, 0)
}

/** A path of parts that may hold anything. */
export const pathOf = (...parts: readonly string[]): string => `/${parts.map(encodeURIComponent).join('/')}`

/** `/jobs/a%2Fb` → [`jobs`, `a/b`]. */
export function partsOf(path: string): string[] {
  return path
    .split('/')
    .filter(part => part !== '')
    .map(part => {
      try {
        return decodeURIComponent(part)
      } catch {
        return part
      }
    })
}
