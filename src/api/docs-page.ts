/** Docs page: an OpenAPI document as a page that a person reads. Pure; no script, nothing from elsewhere. */

type Json = Readonly<Record<string, unknown>>

interface Operation {
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly parameters: readonly {
    readonly name: string
    readonly in: string
    readonly required: boolean
    readonly description?: string
    readonly schema: Json
  }[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>
}
type Content = Readonly<Record<string, { readonly schema: Json }>>

interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Json>> }
}

/** `document` as `openApiOf` makes it. */
export function pageOf(document: Json): string {
  const { info, paths, components } = document as unknown as Document
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))]
  const sections = tags.map(tag => {
    const of = operations.filter(({ operation }) => operation.tags[0] === tag)
    return `<section id="${escaped(tag)}"><h2>${escaped(tag)}</h2>${of.map(operationOf).join('')}</section>`
  })
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="schema-${escaped(name)}"><summary><code>${escaped(name)}</code></summary>${code(schema)}</details>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(info.title)} API</title><link rel="stylesheet" href="docs.css"></head><body>
<header><h1>${escaped(info.title)} API <small>${escaped(info.version)}</small></h1><p>${escaped(info.description)}</p>
<nav>${tags.map(tag => `<a href="#${escaped(tag)}">${escaped(tag)}</a>`).join(' ')} <a href="#schemas">schemas</a> <a href="../openapi.json">openapi.json</a></nav></header>
<main>${sections.join('')}<section id="schemas"><h2>schemas</h2>${schemas.join('')}</section></main></body></html>
`
}

function operationOf({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { summary, description, parameters, requestBody, responses } = operation
  const given = parameters.map(
    ({ name, in: where, required, description: what = '', schema }) =>
      `<tr><td><code>${escaped(name)}</code></td><td>${escaped(where)}${required ? ', required' : ''}</td><td>${typeOf(schema)}</td><td>${escaped(what)}</td></tr>`,
  )
  const answers = Object.entries(responses).map(
    ([status, { description: what, content }]) =>
      `<tr><td>${escaped(status)}</td><td>${escaped(what)}</td><td>${contentOf(content)}</td></tr>`,
  )
  return [
    `<details><summary><b class="${escaped(method)}">${escaped(method.toUpperCase())}</b> <code>${escaped(path)}</code> ${escaped(summary)}</summary>`,
    description === undefined ? '<p>Needs no user.</p>' : `<p>${escaped(description)}</p>`,
    given.length > 0 ? table(['Parameter', 'Where', 'Type', 'Meaning'], given) : '',
    requestBody === undefined ? '' : `<p>Body: ${contentOf(requestBody.content)}</p>`,
    table(['Status', 'Meaning', 'Body'], answers),
    '</details>',
  ].join('')
}

const table = (head: readonly string[], rows: readonly string[]) =>
  `<table><thead><tr>${head.map(cell => `<th scope="col">${cell}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`

const contentOf = (content: Content | undefined): string =>
  Object.entries(content ?? {})
    .map(([type, { schema }]) => (type === 'application/json' ? typeOf(schema) : `<code>${escaped(type)}</code>`))
    .join(', ')

function typeOf(schema: Json): string {
  const { $ref, type, enum: words, items, anyOf, properties } = schema
  if (typeof $ref === 'string') {
    const name = $ref.slice($ref.lastIndexOf('/') + 1)
    return `<a href="#schema-${escaped(name)}">${escaped(name)}</a>`
  }
  if (Array.isArray(words)) return words.map(word => `<code>${escaped(JSON.stringify(word))}</code>`).join(' ')
  if (Array.isArray(anyOf)) return anyOf.map(part => typeOf(part as Json)).join(' or ')
  if (type === 'array') return `list of ${typeOf((items ?? {}) as Json)}`
  if (properties !== undefined) {
    const fields = Object.entries(properties as Readonly<Record<string, Json>>)
    return `{${fields.map(([name, value]) => `<code>${escaped(name)}</code>: ${typeOf(value)}`).join(', ')}}`
  }
  return escaped(String(type ?? 'any'))
}

const code = (value: unknown) => `<pre>${escaped(JSON.stringify(value, null, 2))}</pre>`

const escaped = (text: string): string => text.replace(/[&<>"']/g, letter => `&#${letter.charCodeAt(0)};`)

export const STYLE = `:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 small { font-weight: normal; opacity: .7; }
nav a { margin-right: .75rem; }
details { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 4px; margin: .5rem 0; padding: .25rem .75rem; }
summary { cursor: pointer; padding: .25rem 0; overflow-wrap: anywhere; }
summary b { display: inline-block; min-width: 4rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); overflow-wrap: anywhere; }
code, pre { font: 12px/1.6 ui-monospace, monospace; }
pre { overflow: auto; }
`
