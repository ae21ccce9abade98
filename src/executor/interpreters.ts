/** Interpreters: what runs a script that has no execute bit, by the ending of its name.
 *  In: a file, and what a person configured beside the standard ones. Out: the command, its program as a path of this machine; or the
 *  sentence that says why there is none. Looking is cheap and synchronous; what was found is believed for a second. */
import { accessSync, constants, statSync } from 'node:fs'
import path from 'node:path'
import { monotonicNow, systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'

/** By ending: a program and what is given to it before the file. */
export type InterpretersOption = Readonly<Record<string, readonly string[]>>

const STANDARD: InterpretersOption = {
  '.py': ['python3'],
  '.sh': ['sh'],
  '.js': [process.execPath],
  '.mjs': [process.execPath],
}

export interface Interpreter {
  /** As people call it: `python3`. */
  readonly name: string
  /** The program's path, and what is given to it before the file. */
  readonly command: readonly [string, ...string[]]
}

const BELIEVED_MS = 1_000

export class Interpreters {
  readonly #byEnding: ReadonlyMap<string, readonly string[]>
  readonly #programs = new Map<string, { readonly at: number; readonly found: string | undefined }>()

  /** `given` counts before the standard ones. Throws `invalid_option` when one of them is not there. */
  constructor(given: InterpretersOption = {}, where = 'interpreters') {
    this.#byEnding = new Map(Object.entries({ ...STANDARD, ...given }))
    for (const [ending, [program = '']] of Object.entries(given)) {
      if (this.#programOf(program) !== undefined) continue
      const name = `${where}.${ending}`
      const message = `${name}: expected a program of this machine, found ${JSON.stringify(program)}, which is ${absence(program)}`
      throw new TidewheelError('invalid_option', message, { path: name })
    }
  }

  /** The endings that are known, for people. */
  get endings(): string {
    return [...this.#byEnding.keys()].join(', ')
  }

  /** What runs a file of that name; text: why it cannot; undefined: its ending is not known. */
  of(file: string): Interpreter | string | undefined {
    const [program, ...before] = this.#byEnding.get(path.extname(file)) ?? []
    if (program === undefined) return undefined
    const found = this.#programOf(program)
    const name = path.basename(program)
    if (found === undefined) return `it is run by ${name}, which is ${absence(program)} on this node`
    return { name, command: [found, ...before] }
  }

  #programOf(program: string): string | undefined {
    const now = monotonicNow(systemClock)
    const known = this.#programs.get(program)
    if (known !== undefined && now - known.at < BELIEVED_MS) return known.found
    const found = candidatesOf(program).find(isProgram)
    this.#programs.set(program, { at: now, found })
    return found
  }
}

/** A path is one from the node's working folder; a name is looked for as shells do. */
function candidatesOf(program: string): readonly string[] {
  if (program.includes('/')) return [path.resolve(program)]
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return folders.filter(folder => folder !== '').map(folder => path.resolve(folder, program))
}

const absence = (program: string) => (program.includes('/') ? 'no executable file' : 'not on the PATH')

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
