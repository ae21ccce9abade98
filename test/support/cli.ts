/** The command line as a real process: built once for the sources as they are, run as often as a test likes.
 *  Processes that a test leaves running are killed by `endAll`, each by its id. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cache = join(root, 'node_modules', '.cache')

/** The built package; made when these sources have not been built before. */
export function built(): string {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .sort()
  const hash = createHash('sha256')
  for (const name of sources) hash.update(name).update(readFileSync(join(root, 'src', name)))
  const folder = join(cache, `tidewheel-cli-${hash.digest('hex').slice(0, 16)}`)
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true })
    const part = mkdtempSync(join(cache, 'tidewheel-cli-part-'))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    // Types are checked elsewhere: what is written is what counts here.
    spawnSync(process.execPath, [tsc, '-p', join(root, '.config', 'tsconfig.build.json'), '--outDir', part])
    try {
      renameSync(part, folder)
    } catch {
      // Another test file was quicker.
      rmSync(part, { recursive: true, force: true })
    }
  }
  return folder
}

export interface CliOptions {
  /** Beside what finds programs and a mongod, nothing of this process's environment is passed on. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string
  /** What runs the file; default: this Node. */
  readonly program?: string
}

export interface CliEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Cli {
  readonly pid: number
  readonly child: ChildProcess
  readonly ended: Promise<CliEnd>
  /** What was written until now, on both. */
  readonly said: () => string
  /** Resolves with the first match in what is written, now or later; rejects when the process ends without it. */
  saw(pattern: RegExp): Promise<RegExpExecArray>
  kill(signal: NodeJS.Signals): void
}

const PASSED_ON = /^(PATH|HOME|PYTHON|TMPDIR|XDG_\w+|MONGOD_BINARY|MONGOMS_\w+|https?_proxy)$/i
const running = new Set<Cli>()
let main: string | undefined

export function startCli(args: readonly string[], options?: CliOptions): Cli {
  main ??= join(built(), 'cli', 'main.js')
  return startScript(main, args, options)
}

/** Any program for Node. */
export function startScript(file: string, args: readonly string[], options: CliOptions = {}): Cli {
  const { env = {}, cwd = root, input, program = process.execPath } = options
  const passed = Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)))
  const child = spawn(program, [file, ...args], { cwd, env: { ...passed, ...env } })
  let stdout = ''
  let stderr = ''
  let said = ''
  const looks = new Set<() => void>()
  const heard = (chunk: Buffer) => {
    said += chunk
    for (const look of looks) look()
    return chunk
  }
  child.stdout.on('data', chunk => {
    stdout += heard(chunk)
  })
  child.stderr.on('data', chunk => {
    stderr += heard(chunk)
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<CliEnd>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const cli: Cli = {
    pid: child.pid ?? 0,
    child,
    ended,
    said: () => said,
    kill: signal => void child.kill(signal),
    saw: pattern =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(said)
          if (match === null) return
          looks.delete(look)
          resolve(match)
        }
        looks.add(look)
        look()
        void ended.then(() => reject(new Error(`ended without ${pattern}:\n${said}`)))
      }),
  }
  running.add(cli)
  void ended.then(() => running.delete(cli))
  return cli
}

export const runCli = (args: readonly string[], options?: CliOptions): Promise<CliEnd> => startCli(args, options).ended

type Write = typeof process.stdout.write

/** What a command would write and say, without a process of its own: of the second that a call takes most goes into loading the program.
 *  One at a time, as environment, folder and streams are those of this process while it runs. Not for what ends by a signal. */
export function runHere(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  const ended = last.then(() => callHere(args, options))
  last = ended.catch(() => {})
  return ended
}
let last: Promise<unknown> = Promise.resolve()

async function callHere(args: readonly string[], { env = {}, cwd = root, input = '' }: CliOptions): Promise<CliEnd> {
  const { run } = await import('../../src/cli/run.ts')
  const before = { env: process.env, cwd: process.cwd(), stdin: Object.getOwnPropertyDescriptor(process, 'stdin') }
  const { stdout, stderr } = process
  const writes = [stdout.write, stderr.write] as const
  const said = { stdout: '', stderr: '' }
  const into = (stream: keyof typeof said) =>
    ((chunk: string | Uint8Array, encoding?: unknown, done?: () => void) => {
      said[stream] += typeof chunk === 'string' ? chunk : Buffer.from(chunk)
      const told = typeof encoding === 'function' ? encoding : done
      if (told !== undefined) queueMicrotask(() => told())
      return true
    }) as Write
  const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name))
  process.env = { ...Object.fromEntries(passed), ...env }
  process.chdir(cwd)
  Object.defineProperty(process, 'stdin', {
    value: Readable.from(input === '' ? [] : [Buffer.from(input)]),
    configurable: true,
  })
  stdout.write = into('stdout')
  stderr.write = into('stderr')
  try {
    const end = await run(args)
    return { code: end.code, signal: null, stdout: said.stdout, stderr: said.stderr + end.said }
  } finally {
    ;[stdout.write, stderr.write] = writes
    process.env = before.env
    process.chdir(before.cwd)
    if (before.stdin !== undefined) Object.defineProperty(process, 'stdin', before.stdin)
    process.exitCode = undefined
  }
}

/** For afterEach. */
export async function endAll(): Promise<void> {
  const left = [...running]
  for (const cli of left) cli.kill('SIGKILL')
  await Promise.all(left.map(cli => cli.ended))
}
