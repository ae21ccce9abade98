/** Func map: a JSON file that says which function of ours stands for a name of another scheduler: `{"send mail": "mail:send"}`.
 *  Throws `invalid_option` where it is none. */
import { TidewheelError } from '../errors.ts'
import { inputOf } from './input.ts'

export type FuncMap = Readonly<Record<string, string>>

export async function readFuncMap(file: string | undefined): Promise<FuncMap> {
  if (file === undefined) return {}
  const { text, where } = await inputOf(file)
  const map = parsed(text)
  const isMap = typeof map === 'object' && map !== null && !Array.isArray(map)
  if (isMap && Object.values(map).every(func => typeof func === 'string' && func !== '')) return map as FuncMap
  const message = `--func-map: ${where}: expected an object of names, such as {"send mail": "mail:send"}`
  throw new TidewheelError('invalid_option', message, { path: 'funcMap' })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
