/** The command line in this process, for what needs no process of its own: what it writes and the exit code it would end with. */
import { vi } from 'vitest'
import { exitCodeOf, sentencesOf } from '../../src/cli/exit-codes.ts'
import { program } from '../../src/cli/program.ts'

export interface Called {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** `env` beside this process's own. */
export async function called(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Called> {
  const said = { stdout: '', stderr: '' }
  const listen = (name: 'stdout' | 'stderr') =>
    vi.spyOn(process[name], 'write').mockImplementation(text => {
      said[name] += text
      return true
    })
  const spies = [listen('stdout'), listen('stderr')]
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const before = process.exitCode
  process.exitCode = undefined
  try {
    await (await program(args)).parseAsync([...args], { from: 'user' })
    return { code: Number(process.exitCode ?? 0), ...said }
  } catch (error) {
    const code = exitCodeOf(error)
    if (code !== 0) said.stderr += sentencesOf(error, false).join('\n')
    return { code, ...said }
  } finally {
    process.exitCode = before
    vi.unstubAllEnvs()
    for (const spy of spies) spy.mockRestore()
  }
}
