/** Product: the sources built into a folder of their own, as they are or with one thing broken on purpose.
 *  A patch names the file, the exact text and what stands in its place; text that is not there exactly once is an error. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Patch {
  /** Below src. */
  readonly file: string
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
  for (const { file, find, put } of patches) {
    const path = join(folder, 'src', file)
    const parts = readFileSync(path, 'utf8').split(find)
    if (parts.length !== 2) throw new Error(`src/${file} holds ${parts.length - 1} times, not once: ${find}`)
    writeFileSync(path, parts.join(put))
  }
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const args = [tsc, '-p', join(folder, '.config', 'tsconfig.build.json'), '--declaration', 'false', '--noCheck']
  execFileSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  return join(folder, 'dist')
}
