/** Base: below which path the page and its API lie.
 *  In: the meta tag that the server writes into index.html. Out: a path that begins and ends with `/`.
 *  All other addresses of the page are told from here, so that it works behind any proxy. */

const told = document.querySelector<HTMLMetaElement>('meta[name="tidewheel-base"]')?.content || '/'

export const BASE = `/${told.replace(/^\/+|\/+$/g, '')}/`.replace(/^\/\/$/, '/')

/** `jobs/a` → `/x/jobs/a`. */
export const below = (path: string): string => BASE + path.replace(/^\/+/, '')
