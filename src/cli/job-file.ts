/** Job file: jobs as text, YAML or JSON (which YAML reads, too), of a file or stdin.
 *  In: a list of jobs, or `{label, jobs}`. Out: the same, each job as it stands there, unchecked.
 *  Throws `invalid_job` with the line where it is none of these. */
import { parse, stringify, YAMLParseError } from 'yaml'
import { nearest, TidewheelError } from '../errors.ts'
import { inputOf } from './input.ts'

export interface JobFile {
  /** Of which group of jobs the file is the whole. */
  readonly label?: string
  readonly jobs: readonly unknown[]
}

const KEYS = ['label', 'jobs'] as const

export async function readJobFile(file: string): Promise<JobFile> {
  const { text, where } = await inputOf(file)
  return jobFileOf(text, where)
}

/** `where` goes before each message. */
export function jobFileOf(text: string, where: string): JobFile {
  const refuse = (message: string, advice?: string) =>
    new TidewheelError('invalid_job', `${where}: ${message}`, advice === undefined ? {} : { advice })
  const given = read(text, refuse)
  if (Array.isArray(given)) return { jobs: given }
  if (typeof given !== 'object' || given === null) throw refuse(`expected a list of jobs, or {label, jobs}`)
  if ('func' in given) throw refuse('expected a list of jobs, found one job; put it into a list')
  const strange = Object.keys(given).find(key => !(KEYS as readonly string[]).includes(key))
  if (strange !== undefined) {
    const near = nearest(strange, KEYS)
    throw refuse(`${strange}: a file has label and jobs${near === undefined ? '' : `; did you mean ${near}?`}`)
  }
  const { label, jobs } = given as Record<string, unknown>
  if (!Array.isArray(jobs)) throw refuse('jobs: expected a list of jobs')
  if (label === undefined) return { jobs }
  if (typeof label !== 'string' || label === '') throw refuse('label: expected a word, such as billing')
  return { label, jobs }
}

function read(text: string, refuse: (message: string, advice?: string) => TidewheelError): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const [first = ''] = error.message.split('\n')
    const star = error instanceof YAMLParseError ? error.code === 'BAD_ALIAS' : /alias/.test(error.message)
    throw refuse(
      `no YAML or JSON: ${first.replace(/:$/, '')}`,
      star ? 'Text that begins with * stands in quotes, such as "*/5 * * * *".' : undefined,
    )
  }
}

/** A list of jobs as YAML. */
export const yamlOf = (jobs: readonly unknown[]): string => stringify(jobs, { lineWidth: 0 }).trimEnd()
