/** The package as it is published: what `npm run build` makes of these sources, the dashboard included, made once and then kept.
 *  Tests of the page get its server from here, so that server and page are those that people install. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { built } from './cli.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const config = join(root, '.config', 'vite.config.ts')

export interface BuiltPackage extends Pick<typeof import('../../src/index.ts'), 'createNode' | 'connect'> {
  readonly createApp: typeof import('../../src/api/app.ts').createApp
  /** With index.html and assets. */
  readonly page: string
}

export async function builtPackage(): Promise<BuiltPackage> {
  const folder = builtFolder()
  const load = (name: string) => import(pathToFileURL(join(folder, name)).href)
  const [{ createNode, connect }, { createApp }] = await Promise.all([load('index.js'), load(join('api', 'app.js'))])
  return { createNode, connect, createApp, page: join(folder, 'dashboard') }
}

/** Keyed by the sources of the page and by those of the rest. */
function builtFolder(): string {
  const rest = built()
  const sources = join(root, 'src', 'dashboard')
  const hash = createHash('sha256').update(rest).update(readFileSync(config))
  const names = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter(name => /\.\w+$/.test(name))
  for (const name of names.sort()) hash.update(name).update(readFileSync(join(sources, name)))
  const folder = join(dirname(rest), `tidewheel-package-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(folder)) return folder
  mkdirSync(dirname(rest), { recursive: true })
  const part = mkdtempSync(join(dirname(rest), 'tidewheel-package-part-'))
  cpSync(rest, part, { recursive: true })
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  const to = ['--outDir', join(part, 'dashboard')]
  const { status, stderr } = spawnSync(process.execPath, [vite, 'build', '--config', config, ...to], { cwd: root })
  if (status !== 0) throw new Error(`the dashboard was not built: ${stderr}`)
  try {
    renameSync(part, folder)
  } catch {
    // Another test file was quicker.
    rmSync(part, { recursive: true, force: true })
  }
  return folder
}
