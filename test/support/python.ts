/** Python with packages, for tests that hold ours against the programs that people come from.
 *  `PYTHON` (default python3) with pip; the packages are fetched once, into a folder of node_modules/.cache that goes by their names.
 *  Processes that a test leaves running are killed by `endPythons`, each by its id. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const INSTALL_MS = 240_000
const RUN_MS = 60_000

export interface PythonEnd {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Python {
  /** The interpreter. */
  readonly program: string
  /** Runs a file to its end. `bare`: without the packages. */
  run(args: readonly string[], options?: PythonOptions): Promise<PythonEnd>
  /** Starts a file, and gives the first line that it writes. */
  firstLine(args: readonly string[], options?: PythonOptions): Promise<string>
}

export interface PythonOptions {
  readonly bare?: boolean
  readonly env?: Readonly<Record<string, string>>
  /** Where it works; default: where the tests do. */
  readonly cwd?: string
  /** How long it may take, in ms; default 60,000. */
  readonly timeoutMs?: number
}

const program = process.env.PYTHON || 'python3'
const running = new Set<ChildProcess>()

export async function pythonWith(packages: readonly string[]): Promise<Python> {
  const folder = await installed(packages)
  const envOf = ({ bare = false, env = {} }: PythonOptions) => {
    const { PYTHONPATH: _theirs, ...rest } = process.env
    return { ...rest, ...(!bare && { PYTHONPATH: folder }), ...env }
  }
  return {
    program,
    run: (args, options = {}) => ended(args, envOf(options), options.timeoutMs ?? RUN_MS, options.cwd),
    async firstLine(args, options = {}) {
      const child = spawn(program, args, { env: envOf(options), stdio: ['pipe', 'pipe', 'pipe'] })
      running.add(child)
      let complaints = ''
      child.stderr.on('data', chunk => {
        complaints += chunk
      })
      for await (const line of createInterface(child.stdout)) return line
      throw new Error(`python ended without a line:\n${complaints}`)
    },
  }
}

/** For afterAll. */
export async function endPythons(): Promise<void> {
  const left = [...running]
  running.clear()
  await Promise.all(
    left.map(child => {
      if (child.exitCode !== null || child.signalCode !== null) return undefined
      const gone = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGKILL')
      return gone
    }),
  )
}

function ended(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  timeout: number,
  cwd: string | undefined = undefined,
): Promise<PythonEnd> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, timeout, cwd, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr })
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr })
      else reject(error)
    })
  })
}

/** The folder with the packages. Under another name first: a folder of the final name is whole. */
async function installed(packages: readonly string[]): Promise<string> {
  const { stdout: version } = await ended(['-c', 'import sys; print(sys.version)'], process.env, RUN_MS)
  const hash = createHash('sha256')
    .update(`${version}${packages.join('\n')}`)
    .digest('hex')
    .slice(0, 16)
  const folder = join(root, 'node_modules', '.cache', `tidewheel-python-${hash}`)
  if (existsSync(folder)) return folder
  mkdirSync(join(folder, '..'), { recursive: true })
  const part = `${folder}-part-${process.pid}`
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-compile', '--no-warn-conflicts']
  const pip = ['-m', 'pip', 'install', ...quiet, '--timeout', '15', '--retries', '2', '--target', part, ...packages]
  const { code, stderr } = await ended(pip, process.env, INSTALL_MS)
  if (code !== 0) throw new Error(`pip could not fetch ${packages.join(', ')}:\n${stderr}`)
  try {
    renameSync(part, folder)
  } catch (error) {
    rmSync(part, { recursive: true, force: true })
    // Another run was quicker.
    if (!existsSync(folder)) throw error
  }
  return folder
}
