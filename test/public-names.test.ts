/** Every name that users import has a comment of its own, from which editors and `npm run docs` tell what it is. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

/** Of a library, whose comment it has. */
const FOREIGN = ['Logger']
const SRC = join(import.meta.dirname, '..', 'src')
const read = (path: string) => readFileSync(join(SRC, path), 'utf8')

interface Named {
  readonly name: string
  readonly text: string
}

/** The public names of a file, each with the text of the file that declares it. */
function namesOf(path: string): readonly Named[] {
  const text = read(path)
  const declared = [...text.matchAll(/^export (?:async )?(?:function|class|interface|type|const) (\w+)/gm)]
  const handedOn = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '\.\/([^']+)'/gm)]
  return [
    ...declared.map(([, name = '']) => ({ name, text })),
    ...handedOn.flatMap(([, names = '', file = '']) =>
      names
        .split(',')
        .map(name => name.replace(/\btype\b/, '').trim())
        .filter(name => name !== '')
        .map(name => ({ name, text: read(join(path, '..', file)) })),
    ),
  ]
}

/** A comment that ends in the line before the declaration. */
const hasComment = ({ name, text }: Named) =>
  new RegExp(
    `\\*/\nexport (?:async )?(?:function|class|interface|type|const) ${name.replace('$', '\\$')}(?![\\w$])`,
  ).test(text)

describe.each([
  ['index.ts', 60],
  ['api/app.ts', 3],
  ['testing.ts', 5],
])('%s', (path, least) => {
  const names = namesOf(path)

  test('its public names are found', () => expect(names.length).toBeGreaterThanOrEqual(least))

  test('each has a comment', () =>
    expect(names.filter(one => !hasComment(one)).map(({ name }) => name)).toEqual(path === 'index.ts' ? FOREIGN : []))
})

test('a name whose file only begins with a comment is noticed', () => {
  const text = '/** Levels: what comes in, what goes out. */\n\nexport type Level = number\n'
  expect(hasComment({ name: 'Level', text })).toBe(false)
  expect(hasComment({ name: 'Level', text: text.replace('\n\n', '\n') })).toBe(true)
})
