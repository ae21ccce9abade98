/** The package as people get it: packed from these sources, and installed into an empty folder, with nothing of ours beside it.
 *  It is built in a folder of its own, so that it depends on nobody's earlier build.
 *  Also other versions of Node, real ones, to run it on; each is installed once into our cache (some 200 MB). */
import { execFile } from 'node:child_process'
import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { built } from './cli.ts'
import { installedOnce } from './installed.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const QUIET = ['--no-audit', '--no-fund', '--loglevel', 'error']
const NPM_MS = 240_000

export interface PackedFile {
  readonly path: string
  readonly size: number
}

export interface Packed {
  readonly tarball: string
  readonly files: readonly PackedFile[]
}

/** Packs what these sources make, below `folder`. */
export async function pack(folder: string): Promise<Packed> {
  const at = join(folder, 'package')
  await mkdir(at, { recursive: true })
  for (const name of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE'])
    await copyFile(join(root, name), join(at, name))
  // What somebody has installed for the benchmarks is none of it.
  const filter = (path: string) => basename(path) !== 'node_modules'
  await cp(join(root, 'scripts'), join(at, 'scripts'), { recursive: true, filter })
  await cp(built(), join(at, 'dist'), { recursive: true })
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  const config = join(root, '.config', 'vite.config.ts')
  const page = ['build', '--config', config, '--outDir', join(at, 'dist', 'dashboard')]
  await promisify(execFile)(process.execPath, [vite, ...page], { cwd: root, timeout: NPM_MS })
  const said = await npm(at, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder)
  // npm 11 names each package, earlier ones list them.
  const [told] = Object.values(JSON.parse(said)) as { filename: string; files: PackedFile[] }[]
  if (told === undefined) throw new Error(`npm pack told nothing: ${said}`)
  return { tarball: join(folder, told.filename), files: told.files }
}

/** Installs a tarball below `folder`, with the driver that it asks for. */
export async function install(folder: string, tarball: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'empty', private: true }))
  await npm(folder, 'install', '--prefer-offline', '--ignore-scripts', tarball)
}

/** Names of all packages below a folder. */
export async function packagesIn(folder: string): Promise<readonly string[]> {
  const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'))
  return Object.keys(lock.packages).filter(path => path !== '' && !lock.packages[path].optional)
}

/** The program of a Node of this version, for this machine. */
export async function nodeOf(version: string): Promise<string> {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${platform}-${process.arch}`
  const folder = await installedOnce(`${name}-${version}`, [`${name}@${version}`])
  return join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
}

const npm = async (cwd: string, ...args: readonly string[]): Promise<string> =>
  (
    await promisify(execFile)(process.platform === 'win32' ? 'npm.cmd' : 'npm', [...args, ...QUIET], {
      cwd,
      timeout: NPM_MS,
      maxBuffer: 64 << 20,
      shell: process.platform === 'win32',
    })
  ).stdout
