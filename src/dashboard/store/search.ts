/** Search: the one line by which jobs are found, and the query it means.
 *  In: `ip:10.0.0.7 status:paused invoice`. Out: what `/api/jobs` is asked, and the same in the address bar. Each qualifier counts once,
 *  the last one; words that are none are searched for. `ip:-` means without a node. */
import type { Query } from '../api.ts'

const QUALIFIERS = ['ip', 'status', 'tag', 'func'] as const

export interface Search {
  readonly ip?: string
  readonly status?: string
  readonly tag?: string
  readonly func?: string
  /** Free text. */
  readonly search?: string
}

const TOKEN = /(?:(ip|status|tag|func):)?(?:"([^"]*)"?|(\S+))/g

export function searchOf(line: string): Search {
  const found: Record<string, string> = {}
  const words: string[] = []
  for (const [, qualifier, quoted, plain] of line.matchAll(TOKEN)) {
    const value = quoted ?? plain ?? ''
    if (qualifier === undefined) {
      if (!/^(ip|status|tag|func):$/.test(value)) words.push(value)
    } else found[qualifier] = qualifier === 'ip' && value === '-' ? '' : value
  }
  return { ...found, ...(words.length > 0 && { search: words.join(' ') }) }
}

const quoted = (value: string): string => (/[\s"]/.test(value) ? `"${value.replaceAll('"', '')}"` : value)

export function lineOf(search: Search): string {
  const parts = QUALIFIERS.flatMap(name => {
    const value = search[name]
    return value === undefined ? [] : [`${name}:${value === '' ? '-' : quoted(value)}`]
  })
  return [...parts, search.search ?? ''].filter(part => part !== '').join(' ')
}

export const searchOfAddress = (query: URLSearchParams): Search =>
  Object.fromEntries(
    [...QUALIFIERS, 'search'].flatMap(name => (query.has(name) ? [[name, query.get(name) ?? '']] : [])),
  )

/** The page says scheduled where the API, as the command line, says armed. */
export const queryOf = (search: Search): Query => ({
  ...search,
  ...(search.status === 'scheduled' && { status: 'armed' }),
})

export const isEmpty = (search: Search): boolean => Object.keys(search).length === 0

/** A job list's address. */
export function listPath(search: Search, sort?: string): string {
  const query = new URLSearchParams(Object.entries(search) as [string, string][])
  if (sort !== undefined) query.set('sort', sort)
  const text = query.toString()
  return text === '' ? '/jobs' : `/jobs?${text}`
}
