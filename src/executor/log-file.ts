/** Log file: what a script said, as a plain file in the workspace: `.tidewheel/logs/<job>/<run id>.log`.
 *  In: lines. Out: the file, 10 MiB at most; of each job the newest 100 are kept, all readable by their owner alone.
 *  Holds: it never lies outside the workspace, whatever a job is called and whatever links a script has laid there,
 *  and a file that cannot be written fails no run: it says so once and stays silent. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { constants, type WriteStream } from 'node:fs'
import { lstat, mkdir, open, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { OWN_FOLDER } from './workspace.ts'

const FILE_BYTES = 10 * 1024 * 1024
const FILES = 100
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$/

export class LogFile {
  readonly #stream: WriteStream
  #left = FILE_BYTES

  private constructor(stream: WriteStream, failed: (error: Error) => void) {
    this.#stream = stream
    stream.on('error', error => {
      this.#left = 0
      failed(error)
    })
  }

  /** `failed` is told why there is no file; then undefined comes out, or nothing more is written. */
  static async open(
    root: string,
    job: string,
    run: string,
    failed: (error: Error) => void,
  ): Promise<LogFile | undefined> {
    try {
      const folder = await folderBelow(root, [OWN_FOLDER, 'logs', fileName(job)])
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
      const file = await open(path.join(folder, `${fileName(run)}.log`), flags, 0o600)
      await prune(folder).catch(() => {})
      return new LogFile(file.createWriteStream(), failed)
    } catch (error) {
      failed(error as Error)
      return undefined
    }
  }

  /** A promise: wait for it before the next line. */
  write(line: string): void | Promise<void> {
    if (this.#left <= 0) return
    const text = `${line}\n`
    this.#left -= Buffer.byteLength(text)
    const cut = this.#left <= 0 ? `${text.slice(0, FILE_BYTES)}… cut: a log file holds 10 MiB\n` : text
    if (this.#stream.write(cut)) return
    return once(this.#stream, 'drain').then(
      () => {},
      () => {},
    )
  }

  async end(): Promise<void> {
    this.#stream.end()
    if (!this.#stream.closed) await once(this.#stream, 'close').catch(() => {})
  }
}

/** The same for the same name, another for any other; safe in every file system. */
export function fileName(name: string): string {
  if (NAME.test(name)) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return `${name.slice(0, 40).replace(/[^A-Za-z0-9_-]/g, '_')}-${hash}`
}

/** Makes the folders one by one, and follows no link. */
async function folderBelow(root: string, names: readonly string[]): Promise<string> {
  let folder = root
  for (const name of names) {
    folder = path.join(folder, name)
    await mkdir(folder, { mode: 0o700 }).catch(error => {
      if (error.code !== 'EEXIST') throw error
    })
    if (!(await lstat(folder)).isDirectory()) throw new Error(`${path.relative(root, folder)} is no folder`)
  }
  return folder
}

/** Run ids rise with time, and so do the names. */
async function prune(folder: string): Promise<void> {
  const files = (await readdir(folder)).filter(name => name.endsWith('.log')).sort()
  for (const name of files.slice(0, -FILES)) await rm(path.join(folder, name), { force: true })
}
