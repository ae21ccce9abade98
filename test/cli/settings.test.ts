/** Settings: which source wins, what is refused, and that the README's table is the settings' own. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { NAMES, resolveSettings, type Sources, settingsTable, variablesOf } from '../../src/cli/settings.ts'

const resolve = (sources: Partial<Sources>) =>
  resolveSettings({ flags: {}, env: {}, readSecret: path => `mongodb://${path}\n`, ...sources })
const file = (values: unknown) => ({ path: 'tidewheel.config.json', values })

test('the flag wins over the variable, the variable over the file, the file over the default', () => {
  const all = { flags: { lease: '2000' }, env: { TIDEWHEEL_LEASE: '3000' }, file: file({ lease: 4000 }) }
  expect(resolve(all).settings.lease).toBe(2000)
  expect(resolve({ ...all, flags: {} }).settings.lease).toBe(3000)
  expect(resolve({ ...all, flags: {}, env: {} }).settings.lease).toBe(4000)
  expect(resolve({}).settings.lease).toBe(15_000)
})

test('each value says where it comes from', () => {
  const { origins } = resolve({ flags: { ip: 'a' }, env: { MONGODB_URI: 'mongodb://h' }, file: file({ db: 'd' }) })
  expect(origins).toMatchObject({ ip: 'flag --ip', uri: 'MONGODB_URI', db: 'tidewheel.config.json', lease: 'default' })
})

test('the uri has a variable of its own before the common one, and each can name a file', () => {
  const uri = (env: Record<string, string>) => resolve({ env }).settings.uri
  expect(uri({ MONGODB_URI: 'mongodb://b', TIDEWHEEL_URI: 'mongodb://a' })).toBe('mongodb://a')
  expect(uri({ TIDEWHEEL_URI_FILE: 'secret' })).toBe('mongodb://secret')
  expect(uri({ MONGODB_URI_FILE: 'secret' })).toBe('mongodb://secret')
  expect(uri({ TIDEWHEEL_URI: '', MONGODB_URI: 'mongodb://b' })).toBe('mongodb://b')
})

test('a misspelt key of the file is answered with the nearest one', () => {
  expect(() => resolve({ file: file({ leese: 1 }) })).toThrow(
    'tidewheel.config.json: leese: there is no such setting; did you mean lease?',
  )
  expect(() => resolve({ file: file({ nothing_like_it: 1 }) })).toThrow(/known are uri, db/)
  expect(() => resolve({ file: file({ config: 'x' }) })).toThrow(/config: there is no such setting/)
  expect(() => resolve({ file: file([]) })).toThrow(/expected an object/)
})

test.each([
  [{ lease: 'soon' }, 'lease: expected a number, found "soon" (flag --lease)'],
  [{ lease: '1' }, 'lease: expected whole milliseconds from 1,000, found "1" (flag --lease)'],
  [{ timezone: 'Mars/Base' }, 'timezone: expected a time zone such as Europe/Berlin'],
  [{ ip: 'two words' }, 'ip: expected a name without whitespace'],
  [{ ip: 'any' }, 'ip: expected a name without whitespace'],
  [{ nodes: '0' }, 'nodes: expected a whole number from 1 to 50'],
])('%j is refused', (flags, message) => {
  expect(() => resolve({ flags })).toThrow(message)
})

test('a wrong secret is not repeated', () => {
  expect(() => resolve({ env: { MONGODB_URI: 'user:geheim@host' } })).toThrow(/^uri: expected a connection string/)
  expect(() => resolve({ env: { MONGODB_URI: 'user:geheim@host' } })).not.toThrow(/geheim/)
})

test('switches are read from variables as words', () => {
  expect(resolve({ env: { TIDEWHEEL_JSON: 'yes', TIDEWHEEL_QUIET: '0' } }).settings).toMatchObject({
    json: true,
    quiet: false,
  })
  expect(() => resolve({ env: { TIDEWHEEL_JSON: 'maybe' } })).toThrow('json: expected true or false, found "maybe"')
})

test('every setting has a variable of its own name', () => {
  expect(variablesOf('connectTimeout')).toEqual(['TIDEWHEEL_CONNECT_TIMEOUT'])
  expect(new Set(NAMES.flatMap(variablesOf)).size).toBe(NAMES.length + 1)
})

test("the README's table is the settings' own", () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  // The formatter pads the README's cells.
  const unpadded = readme
    .replace(/ +\|/g, ' |')
    .replace(/-{3,}/g, '---')
    .replace(/\| +\|/g, '| |')
  expect(unpadded).toContain(settingsTable().replace(/\| +\|/g, '| |'))
})
