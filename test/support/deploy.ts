/** The files of scripts/deploy, read: their calls of `tidewheel`, and the variables that they set. */
import { readFileSync } from 'node:fs'
import { parse, parseAllDocuments } from 'yaml'

export const DEPLOY = ['Containerfile', 'compose.yaml', 'tidewheel.service', 'kubernetes.yaml'] as const
export type DeployFile = (typeof DEPLOY)[number]

export const textOf = (file: DeployFile): string =>
  readFileSync(new URL(`../../scripts/deploy/${file}`, import.meta.url), 'utf8')

// biome-ignore lint/suspicious/noExplicitAny: files of any shape
type Loose = any

export const documentsOf = (file: DeployFile): readonly Loose[] =>
  parseAllDocuments(textOf(file), { merge: true }).map(one => one.toJS())

/** Arguments of each call. */
export function argvsOf(file: DeployFile): readonly (readonly string[])[] {
  const text = textOf(file)
  const inShell = [...text.matchAll(/^[^#\n]*?\btidewheel ((?:init|user|nodes|start|serve)\b[^|<;&\n]*)/gm)].map(
    ([, call = '']) => wordsOf(call.replaceAll('\\"', '"')),
  )
  return [...inShell, ...given(file, text)]
}

function given(file: DeployFile, text: string): readonly (readonly string[])[] {
  if (file === 'Containerfile') return [JSON.parse(/^CMD (.*)$/m.exec(text)?.[1] ?? '[]')]
  if (file === 'tidewheel.service') return [wordsOf(/^ExecStart=.*?main\.js (.*)$/m.exec(text)?.[1] ?? '')]
  if (file === 'compose.yaml') {
    const services: Loose[] = Object.values(parse(text, { merge: true }).services)
    return services.filter(({ image, entrypoint }) => image === 'tidewheel-app' && !entrypoint).map(one => one.command)
  }
  return containersOf()
    .filter(({ command }) => command === undefined)
    .map(({ args }) => args)
}

const wordsOf = (call: string) =>
  call
    .trim()
    .split(/\s+/)
    .map(word => word.replace(/^["']|["']$/g, ''))

/** Of Kubernetes, those that start first among them. */
export function containersOf(): readonly Loose[] {
  return documentsOf('kubernetes.yaml').flatMap(({ spec }) => [
    ...(spec.template?.spec.initContainers ?? []),
    ...(spec.template?.spec.containers ?? []),
  ])
}

/** Variables of Tidewheel by name; one whose value comes from elsewhere has a plausible one. */
export function variablesIn(file: DeployFile): Readonly<Record<string, string>> {
  const text = textOf(file).replace(/^\s*#.*$/gm, '')
  const names = [...text.matchAll(/\bTIDEWHEEL_[A-Z_]+/g)].map(([name]) => name)
  return Object.fromEntries(names.map(name => [name, saidFor(name, file, text)]))
}

function saidFor(name: string, file: DeployFile, text: string): string {
  if (file === 'kubernetes.yaml') {
    const set = containersOf()
      .flatMap(({ env }) => env)
      .find(one => one.name === name)
    return set.value ?? 'mongodb://127.0.0.1/tidewheel'
  }
  const [, value = ''] = new RegExp(`${name}(?:=|: )(.*?)(?: \\\\)?$`, 'm').exec(text) ?? []
  return value.replace(/^"|"$/g, '')
}
