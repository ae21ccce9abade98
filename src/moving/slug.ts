/** Slug: a short readable name for the id of a job and the name of a file, made from any text.
 *  The same texts in the same order have the same slugs; two that would be equal are told apart by a number. */

/** Of a slug; a word is not cut unless it is longer itself. */
const LONGEST = 48
/** What a command says about its output, not about what it does. */
const REDIRECTION = /\d*(?:&>>?|>>?&?|<)\s*\S+/g
/** Words that open most commands and tell nothing of them. */
const OPENING: ReadonlySet<string> = new Set(['cd', 'env', 'exec', 'sudo', 'nice', 'usr', 'bin'])

/** Of a command line: files by their names, without folder and ending. */
export function commandSlug(command: string): string {
  const words = command
    .replace(REDIRECTION, ' ')
    .split(/[\s;|&()<>"'`]+/)
    .filter(word => !/^\w+=/.test(word))
    .map(word => (/^[\w.~$-]*\/[^:]*$/.test(word) ? fileName(word) : word))
    .map(slugOf)
    .filter(word => word !== '')
  const first = words.findIndex(word => !OPENING.has(word))
  return joined(first < 0 ? words : words.slice(first)) || 'command'
}

const fileName = (path: string) =>
  path
    .replace(/\/+$/, '')
    .replace(/^.*\//, '')
    .replace(/\.(?:sh|py|pl|php|rb|js|mjs|bash)$/, '')

/** Lower-case letters, digits and single hyphens; empty where the text has none of these. */
export const slugOf = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, LONGEST)
    .replace(/-$/, '')

function joined(words: readonly string[]): string {
  let slug = ''
  for (const word of words) {
    const longer = slug === '' ? word : `${slug}-${word}`
    if (longer.length > LONGEST) break
    slug = longer
  }
  return slug
}

/** Gives every slug once: the second `backup` is `backup-2`. */
export class Slugs {
  readonly #given = new Set<string>()

  give(slug: string): string {
    let given = slug
    for (let n = 2; this.#given.has(given); n++) given = `${slug}-${n}`
    this.#given.add(given)
    return given
  }
}
