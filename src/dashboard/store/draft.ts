/** Draft: a definition while it is edited, as a form and as a document, which are one and the same.
 *  In: the document that it began from, what is typed. Out: the document as it would be written, which fields changed, what is wrong
 *  with it and where. A text that is no JSON is kept as text; the form waits until it is one again. */
import type { Problem } from '../api.ts'
import type { Job } from '../shapes.ts'
import { definitionOf } from '../words/mongosh.ts'

export type Document = Readonly<Record<string, unknown>>

export interface Draft {
  /** What the server had when the edit began. */
  readonly base: Document
  readonly document: Document
  /** As it stands in the editor. */
  readonly text: string
  /** The text is not JSON: why. */
  readonly broken: string | undefined
}

const textOf = (document: Document): string => JSON.stringify(document, null, 2)

export const documentOf = (job: Job): Document => definitionOf(job) as unknown as Document

export const begun = (base: Document): Draft => ({ base, document: base, text: textOf(base), broken: undefined })

/** `undefined` takes the field away. */
export function withField(draft: Draft, path: string, value: unknown): Draft {
  const document = put(draft.document, path.split('.'), value)
  return { ...draft, document, text: textOf(document), broken: undefined }
}

function put(document: Document, [name = '', ...rest]: readonly string[], value: unknown): Document {
  const inner = document[name]
  const next =
    rest.length === 0 ? value : put(typeof inner === 'object' && inner !== null ? (inner as Document) : {}, rest, value)
  const { [name]: _, ...others } = document
  if (next === undefined) return others
  return name in document ? { ...document, [name]: next } : { ...document, [name]: next }
}

export function withText(draft: Draft, text: string): Draft {
  try {
    const document: unknown = JSON.parse(text)
    if (typeof document !== 'object' || document === null || Array.isArray(document)) {
      return { ...draft, text, broken: 'The document is to be an object: { … }' }
    }
    return { ...draft, text, document: document as Document, broken: undefined }
  } catch (error) {
    return { ...draft, text, broken: error instanceof Error ? error.message : String(error) }
  }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Names of top-level fields. */
export const changedOf = ({ base, document }: Pick<Draft, 'base' | 'document'>): readonly string[] =>
  [...new Set([...Object.keys(base), ...Object.keys(document)])].filter(name => !same(base[name], document[name]))

/** In PATCH null takes a field away, but for those that may be null themselves: only the whole document can leave them out. */
const MAY_BE_NULL: ReadonlySet<string> = new Set([
  'misfire_grace_time',
  'pause_after_failures',
  'timeout',
  'next_run_time',
])

/** How it is said to the server. */
export function requestOf(draft: Draft): { readonly method: 'PATCH' | 'PUT'; readonly body: Document } {
  const changed = changedOf(draft)
  if (changed.some(name => MAY_BE_NULL.has(name) && !(name in draft.document)))
    return { method: 'PUT', body: draft.document }
  return { method: 'PATCH', body: Object.fromEntries(changed.map(name => [name, draft.document[name] ?? null])) }
}

/** The line of a text (from 0) on which a path stands: `trigger.hour`, `tags.1`. */
export function lineOf(text: string, path: string): number | undefined {
  const lines = text.split('\n')
  let found: number | undefined
  let from = 0
  for (const [depth, name] of path.split('.').entries()) {
    const indent = '  '.repeat(depth + 1)
    const at = lines.findIndex((line, i) => i >= from && line.startsWith(`${indent}${JSON.stringify(name)}:`))
    if (at < 0) return found
    found = at
    from = at + 1
  }
  return found
}

/** Problems of one field and of what lies below it. */
export const problemsAt = (problems: readonly Problem[], path: string): readonly Problem[] =>
  problems.filter(problem => problem.path === path || problem.path.startsWith(`${path}.`))

/** Theirs, with the fields that were changed here. */
export function merged({ base, document }: Draft, theirs: Document): Draft {
  const mine = changedOf({ base, document })
  const kept = Object.entries(theirs).filter(([name]) => !mine.includes(name))
  const changed = mine.flatMap(name => (name in document ? [[name, document[name]] as const] : []))
  const whole = Object.fromEntries([...kept, ...changed])
  return { base: theirs, document: whole, text: textOf(whole), broken: undefined }
}
