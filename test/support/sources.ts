/** Source files as the architecture check sees them: text, the same without comments, and what they import.
 *  Read by patterns, not by a compiler: enough for this house, which imports by plain string literals only. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path/posix'

export interface Source {
  /** From the project's folder, with `/`. */
  readonly path: string
  readonly text: string
  /** Comments blanked out, line breaks kept. */
  readonly code: string
  /** Strings blanked out, too. */
  readonly bare: string
  readonly imports: readonly Import[]
}

export interface Import {
  /** As written, or for a relative one the path from the project's folder. */
  readonly target: string
  readonly relative: boolean
  /** `import type` and `export type`: gone when the program runs. */
  readonly typeOnly: boolean
  readonly line: number
}

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/
const QUOTED = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/
const TEMPLATE = /`(?:\\.|[^`\\])*`/
const PATTERN = /(?<=[=(,:!&|?;{}[]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//
const TOKENS = new RegExp([PATTERN, COMMENT, QUOTED, TEMPLATE].map(({ source }) => source).join('|'), 'g')
const IMPORT = /\b(import|export)\b(\s+type\b)?(?:[^'"`;()]*?\bfrom)?\s*\(?\s*(['"])([^'"\n]+)\3/g

export function source(path: string, text: string): Source {
  const blank = (token: string) => token.replace(/[^\n]/g, ' ')
  const code = text.replace(TOKENS, token => (/^\/[*/]/.test(token) ? blank(token) : token))
  const bare = code.replace(TOKENS, token => (/^['"]/.test(token) ? blank(token) : token))
  return { path, text, code, bare, imports: importsOf(path, code) }
}

function importsOf(path: string, code: string): Import[] {
  return [...code.matchAll(IMPORT)].map(({ 2: type, 4: name = '', index }) => {
    const relative = name.startsWith('.')
    const target = relative ? join(path, '..', name) : name
    return { target, relative, typeOnly: type !== undefined, line: lineAt(code, index) }
  })
}

export const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length

/** All files below `folders` (or the files themselves) with one of the endings. */
export function readSources(root: string, folders: readonly string[], endings: readonly string[]): Source[] {
  return folders.flatMap(folder =>
    filesBelow(root, folder)
      .filter(path => endings.some(ending => path.endsWith(ending)))
      .map(path => source(path, readFileSync(join(root, path), 'utf8'))),
  )
}

function filesBelow(root: string, path: string): string[] {
  const entries = readdirSync(join(root, path), { withFileTypes: true })
  return entries.flatMap(entry => {
    const inner = join(path, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(root, inner)
    return [inner]
  })
}
