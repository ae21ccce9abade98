/** Settings: which source wins, what counts as said, and what becomes options of a node. */
import { expect, test } from 'vitest'
import { misspeltIn, NAMES, optionsIn, resolveSettings, type Sources, variablesOf } from '../../src/cli/settings.ts'

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
  expect(() => resolve({ file: file({ config: 'x' }) })).toThrow(/config: .*; it names the file itself/)
  expect(() => resolve({ file: file({ tasksDir: 'x' }) })).toThrow(/tasksDir: .*; it is tasks here/)
  expect(() => resolve({ file: file({ logger: false }) })).toThrow(/logger: .*; it can only be given in code/)
  expect(() => resolve({ file: file([]) })).toThrow(/expected an object/)
})

test('a wrong secret is not repeated', () => {
  expect(() => resolve({ env: { MONGODB_URI: 'user:geheim@host' } })).toThrow(/^uri: expected a connection string/)
  expect(() => resolve({ env: { MONGODB_URI: 'user:geheim@host' } })).not.toThrow(/geheim/)
})

test('a variable that is nearly one of ours is told with the one that was meant; others are none of ours', () => {
  expect(misspeltIn({ TIDEWHEEL_LEESE: '1', TIDEWHEEL_LEASE: '2', LEESE: '3' })).toEqual([
    'TIDEWHEEL_LEESE: there is no such setting; did you mean TIDEWHEEL_LEASE?',
  ])
  expect(misspeltIn({ TIDEWHEEL_URI_FILE: 'a', MONGODB_URI_FILE: 'b', TIDEWHEEL_URL_FILE: 'c' })).toHaveLength(1)
  const ofScripts = ['JOB_ID', 'RUN_ID', 'RUN_TIME', 'ATTEMPT', 'KWARGS', 'FENCE'].map(name => `TIDEWHEEL_${name}`)
  const ofKubernetes = ['SERVICE_HOST', 'SERVICE_PORT', 'PORT_80_TCP', 'PORT_80_TCP_ADDR'].map(
    name => `TIDEWHEEL_${name}`,
  )
  expect(misspeltIn(Object.fromEntries([...ofScripts, ...ofKubernetes].map(name => [name, 'x'])))).toEqual([])
})

test('what Kubernetes tells of a service named tidewheel is no setting', () => {
  expect(resolve({ env: { TIDEWHEEL_PORT: 'tcp://10.0.0.1:7788' } }).settings.port).toBeUndefined()
  expect(resolve({ env: { TIDEWHEEL_PORT: '27017' } }).settings.port).toBe(27_017)
  expect(() => resolve({ env: { TIDEWHEEL_PORT: 'none' } })).toThrow(/^port: expected a whole number/)
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

test('what is a number, an object or a name is read as that, though all of it is text in a variable', () => {
  const env = { TIDEWHEEL_DB: '123', TIDEWHEEL_CLAIM_LEAD: ' 20 ', TIDEWHEEL_COLLECTIONS: '{"jobs": "j"}' }
  expect(resolve({ env }).settings).toMatchObject({ db: '123', claimLead: 20, collections: { jobs: 'j' } })
})

test('settings become options by the names that options have', () => {
  const { settings } = resolve({
    flags: { tasks: 'mail', verbose: true, nodes: '3' },
    env: { MONGODB_URI: 'mongodb://h' },
  })
  const client = { uri: 'mongodb://h', connectTimeout: 5_000 }
  expect(optionsIn('client', settings)).toEqual(client)
  expect(optionsIn('node', settings)).toEqual({ ...client, tasksDir: 'mail', lease: 15_000, claimLead: 500 })
})
