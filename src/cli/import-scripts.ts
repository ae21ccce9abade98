/** Imported scripts: files that an import writes into a workspace, each executable, with a mark of what was written.
 *  Holds: a file that somebody edited since, or that came from elsewhere, is never overwritten; one that would be the same is not
 *  touched. Its job runs the file as it is. */
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Script } from '../moving/crontab.ts'

const EXECUTABLE = 0o755
const SHELL = '/bin/sh'
const MARK = /^#!(.+)\n# Imported by tidewheel \((\w+)\); an import leaves it alone once it is edited\.\n/

/** Those that are not written, because a file that is not the import's own stands there. */
export const foreignScripts = (workspace: string, scripts: readonly Script[]): readonly Script[] =>
  scripts.filter(script => {
    const present = read(path.join(workspace, script.path))
    return present !== undefined && present !== stamped(script) && !isOwn(present)
  })

/** Makes folders that are missing. */
export function writeScripts(workspace: string, scripts: readonly Script[]): void {
  const foreign = new Set(foreignScripts(workspace, scripts))
  for (const script of scripts) {
    const file = path.join(workspace, script.path)
    const text = stamped(script)
    if (foreign.has(script) || read(file) === text) continue
    mkdirSync(path.dirname(file), { recursive: true })
    place(file, text)
  }
}

/** Whole or not at all: a run may start at any moment. */
function place(file: string, text: string): void {
  const part = `${file}.part-${process.pid}`
  try {
    writeFileSync(part, text, { mode: EXECUTABLE })
    chmodSync(part, EXECUTABLE)
    renameSync(part, file)
  } finally {
    rmSync(part, { force: true })
  }
}

const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined)

const stamped = ({ interpreter = SHELL, text }: Script) =>
  `#!${interpreter}\n# Imported by tidewheel (${checksum(interpreter, text)}); an import leaves it alone once it is edited.\n${text}`

function isOwn(present: string): boolean {
  const mark = MARK.exec(present)
  return mark !== null && mark[2] === checksum(mark[1] as string, present.slice(mark[0].length))
}

const checksum = (interpreter: string, text: string) =>
  createHash('sha256').update(`${interpreter}\n${text}`).digest('hex').slice(0, 16)
