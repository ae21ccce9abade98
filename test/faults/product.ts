/** Product: the sources built into a folder of their own, as they are or with one thing broken on purpose.
 *  A patch is code and what stands in its place. It is looked for in all sources, however they are laid out; code that is not
 *  there exactly once is an error. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Patch {
  readonly find: string
  readonly put: string
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Builds a copy; answers the folder that holds `cli/main.js`. */
export function build(folder: string, patches: readonly Patch[] = []): string {
  mkdirSync(folder, { recursive: true })
  for (const part of ['src', '.config']) cpSync(join(root, part), join(folder, part), { recursive: true })
  for (const part of ['package.json', 'tsconfig.json']) cpSync(join(root, part), join(folder, part))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const src = join(folder, 'src')
  for (const { find, put } of patches) {
    const { file, from, to } = placeOf(find, src)
    const source = readFileSync(file, 'utf8')
    writeFileSync(file, source.slice(0, from) + put + source.slice(to))
  }
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const args = [tsc, '-p', join(folder, '.config', 'tsconfig.build.json'), '--declaration', 'false', '--noCheck']
  execFileSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  return join(folder, 'dist')
}

interface Place {
  readonly file: string
  readonly from: number
  readonly to: number
}

/** Where code stands in a folder of sources; blanks and line ends count as one blank. */
export function placeOf(find: string, src: string): Place {
  const words = find.trim().split(/\s+/)
  const code = new RegExp(words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('\\s+'), 'g')
  const places = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => join(src, file))
    .flatMap(file =>
      [...readFileSync(file, 'utf8').matchAll(code)].map(({ 0: text, index }) => ({
        file,
        from: index,
        to: index + text.length,
      })),
    )
  const [place, ...others] = places
  if (place === undefined || others.length > 0)
    throw new Error(`the sources hold ${places.length} times, not once: ${find}`)
  return place
}
