/** The architecture, checked: who may import whom and what, where clocks and timers stand, how files begin and are called.
 *  The tables at the top are the architecture; a new folder or library gets a row, with a reason in `src/README.md`.
 *  Every rule carries a made-up offender, so that a rule which can no longer fail fails. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { lineAt, readSources, type Source, source } from './support/sources.ts'

/** Files that know nothing of ours but each other; every file may import them. */
const GROUND = ['errors', 'event', 'clock', 'json', 'loopback', 'tracing', 'version']

/** The rooms, from the ground up: what each may import besides itself and the ground.
 *  `types`: only with `import type`, objects that another room hands it. */
const KNOWS: Readonly<Record<string, { readonly all: readonly string[]; readonly types?: readonly string[] }>> = {
  trigger: { all: [] },
  job: { all: ['trigger'] },
  options: { all: ['job', 'trigger'], types: ['log'] },
  pace: { all: [] },
  change: { all: [], types: ['job'] },
  wheel: { all: ['job', 'trigger'], types: ['change'] },
  protocol: { all: ['job', 'pace'], types: ['wheel'] },
  executor: { all: ['job', 'options'] },
  history: { all: ['job', 'pace', 'protocol'] },
  run: { all: ['executor', 'job', 'log', 'pace', 'protocol', 'trigger', 'wheel'], types: ['history'] },
  cluster: { all: ['executor', 'job', 'pace', 'protocol'], types: ['history', 'run'] },
  claim: { all: ['job', 'pace', 'protocol', 'trigger', 'wheel'], types: ['cluster', 'history', 'run'] },
  database: { all: ['job', 'options', 'pace'], types: ['cluster', 'history', 'user'] },
  user: { all: [] },
  client: {
    all: ['change', 'cluster', 'database', 'job', 'options', 'protocol', 'trigger', 'user'],
    types: ['history'],
  },
  flask: { all: ['job', 'trigger'] },
  live: { all: ['client'] },
  health: { all: ['job'] },
  http: { all: ['user'], types: ['client', 'executor', 'health', 'live', 'log'] },
  api: { all: ['client', 'flask', 'health', 'http', 'job', 'live', 'log', 'options', 'trigger'] },
  dashboard: { all: [] },
  log: { all: [] },
  'fake-clock': { all: [] },
  testing: { all: ['client', 'database', 'dev', 'fake-clock', 'node', 'options', 'trigger'] },
  dev: { all: [] },
  moving: { all: ['job', 'trigger'] },
  cli: {
    all: ['api', 'client', 'database', 'dev', 'index', 'job', 'log', 'moving', 'options', 'trigger', 'user'],
  },
}

/** They join the rooms and may import anything but doors. */
const JOINERS = ['index', 'node']
const DOORS = ['cli', 'dev']

/** Who may import a library; a folder ends with `/`. `types`: with `import type` only. */
const LIBRARIES: Readonly<Record<string, { readonly all: readonly string[]; readonly types?: readonly string[] }>> = {
  mongodb: {
    all: [
      'src/change/follow.ts',
      'src/client/',
      'src/cluster/lease.ts',
      'src/cluster/registry.ts',
      'src/database/',
      'src/dev/',
      'src/node/',
      'src/pace/passing.ts',
      'src/protocol/writer.ts',
      'src/testing.ts',
    ],
    types: ['src/change/', 'src/cluster/', 'src/history/', 'src/options/values.ts'],
  },
  rxjs: {
    all: [
      'src/change/follow.ts',
      'src/cli/',
      'src/client/',
      'src/clock.ts',
      'src/dev/',
      'src/event.ts',
      'src/node/',
      'src/run/pipeline.ts',
      'src/fake-clock.ts',
      'src/wheel/memory.ts',
      'src/wheel/ticker.ts',
    ],
    types: ['src/health/', 'src/http/'],
  },
  '@opentelemetry/api': { all: ['src/tracing.ts'] },
  pino: { all: ['src/log.ts'], types: ['src/executor/'] },
  luxon: { all: ['src/trigger/'] },
  'cron-parser': { all: ['src/trigger/crontab.ts'] },
  zod: { all: ['src/api/', 'src/job/', 'src/options/'], types: ['src/http/'] },
  preact: { all: ['src/dashboard/'] },
  uplot: { all: ['src/dashboard/parts/plot.tsx', 'src/dashboard/style/page.css'] },
  'rate-limiter-flexible': { all: ['src/http/attempts.ts'] },
  hono: { all: ['src/api/app.ts'] },
  'prom-client': { all: ['src/health/metrics.ts'] },
  '@hono/node-server': { all: ['src/api/app.ts'] },
  'node:': {
    all: [
      'src/api/page.ts',
      'src/api/scheduler.ts',
      'src/cli/',
      'src/client/revision.ts',
      'src/cluster/lease.ts',
      'src/database/connection.ts',
      'src/dev/',
      'src/executor/',
      'src/http/server.ts',
      'src/testing.ts',
      'src/user/',
    ],
    types: ['src/api/', 'src/http/'],
  },
}

/** The page's clock is the reader's browser, told by the server. */
const CLOCKS = ['src/clock.ts', 'src/dashboard/clock.ts']
const SUBSCRIBERS = ['src/node/', 'src/cli/', 'src/health/', 'src/live/']
/** What people hold in their hands has as many methods as the contract says. */
const HANDLES = ['src/client/', 'src/node/node.ts']
/** So many functions an object may offer to one stage. */
const MOST_FUNCTIONS = 6
const VAGUE = /^(utils?|lib|common|helpers?|types|interfaces?|misc|shared|manager|service|handler|base)$/
/** What loads a file by its default export. */
const DEFAULT_EXPORTS = ['test/support/global-setup.ts']

interface Rule {
  readonly name: string
  /** `file:line: what is wrong, and what to do.` */
  check(sources: readonly Source[]): string[]
  /** Made-up files that break it. */
  readonly offender: Readonly<Record<string, string>>
}

const isSrc = ({ path }: Source) => path.startsWith('src/')
const isTest = ({ path }: Source) => /^test\/(?!support\/|bench\/|examples\/).*\.test\.ts$/.test(path)
const isTs = ({ path }: Source) => /\.tsx?$/.test(path)
/** `src/wheel/level.ts` → wheel, `src/node.ts` → node. */
const partOf = (path: string) => path.replace(/^src\//, '').replace(/\/.*$|\.tsx?$/, '')
const lies = (path: string, places: readonly string[] = []) =>
  places.some(place => (place.endsWith('/') ? path.startsWith(place) : path === place))

/** Each place where a pattern matches, as `file:line: advice`. */
function matches({ path }: Source, text: string, pattern: RegExp, advice: (found: string) => string): string[] {
  const all = new RegExp(pattern.source, `${pattern.flags.replace('g', '')}g`)
  return [...text.matchAll(all)].map(({ 0: found, index }) => `${path}:${lineAt(text, index)}: ${advice(found)}`)
}

function mayImport(from: string, to: string, typeOnly: boolean): boolean {
  if (from === to || GROUND.includes(to)) return true
  if (JOINERS.includes(from)) return !DOORS.includes(to)
  const knows = KNOWS[from]
  return knows !== undefined && (knows.all.includes(to) || (typeOnly && knows.types?.includes(to) === true))
}

const rules: readonly Rule[] = [
  {
    name: 'imports go up the way of a job',
    check: sources =>
      sources
        .filter(isSrc)
        .flatMap(({ path, imports }) =>
          imports
            .filter(({ relative, target, typeOnly }) => relative && !mayImport(partOf(path), partOf(target), typeOnly))
            .map(
              ({ line, target, typeOnly }) =>
                `${path}:${line}: ${partOf(path)} must not know ${partOf(target)} (${typeOnly ? 'type' : 'value'} of ${target}); let a joiner hand it in, or argue for a row in KNOWS`,
            ),
        ),
    offender: { 'src/trigger/date.ts': "/** . */\nimport type { Job } from '../job/job.ts'\n" },
  },
  {
    name: 'in the dashboard, words know no store, the store no parts, parts no views',
    check: sources =>
      sources
        .filter(({ path }) => path.startsWith('src/dashboard/'))
        .flatMap(({ path, imports }) =>
          imports
            .filter(({ relative, target }) => relative && floorOf(target) > floorOf(path))
            .map(
              ({ line, target }) => `${path}:${line}: must not know ${target}; move what both need to the lower floor`,
            ),
        ),
    offender: { 'src/dashboard/store/nodes.ts': "/** . */\nimport { Mark } from '../parts/mark.tsx'\n" },
  },
  {
    name: 'no file imports itself through others, types included',
    check: sources => cycles(sources.filter(isSrc)),
    offender: {
      'src/job/a.ts': "/** . */\nimport { b } from './b.ts'\n",
      'src/job/b.ts': "/** . */\nimport type { A } from './a.ts'\n",
    },
  },
  {
    name: 'each library is imported where it belongs',
    check: sources =>
      sources.filter(isSrc).flatMap(({ path, imports }) =>
        imports.flatMap(({ target, typeOnly, line }) => {
          const library = Object.keys(LIBRARIES).find(name =>
            name === 'node:' ? target.startsWith(name) : target === name || target.startsWith(`${name}/`),
          )
          const row = library === undefined ? undefined : LIBRARIES[library]
          if (row === undefined || lies(path, row.all) || (typeOnly && lies(path, row.types))) return []
          return [
            `${path}:${line}: imports ${target}; this file is kept free of it: move that part to where it is allowed, or argue for a row in LIBRARIES`,
          ]
        }),
      ),
    offender: { 'src/wheel/wheel.ts': "/** . */\nimport { Db } from 'mongodb'\n" },
  },
  {
    name: 'time is injected: clocks and timers stand in clock.ts alone',
    check: sources =>
      sources
        .filter(file => isSrc(file) && !CLOCKS.includes(file.path))
        .flatMap(file =>
          matches(
            file,
            file.bare,
            /\bDate\.now\b|\bnew Date\(\s*\)|\bSettings\.now\b|\bDateTime\.(?:now|local|utc)\(\s*\)|\bset(?:Timeout|Interval)\s*\(|\bperformance\.now\b|\bprocess\.hrtime\b|\bas(?:ync|ap)Scheduler\b/,
            found => `${found.trim()}; take the clock or \`now\` as an argument`,
          ),
        ),
    offender: { 'src/job/job.ts': '/** . */\nexport const now = () => Date.now()\n' },
  },
  {
    name: 'only the wheel writes to its entries',
    check: sources =>
      sources
        .filter(file => isSrc(file) && !file.path.startsWith('src/wheel/'))
        .flatMap(file =>
          matches(
            file,
            file.bare,
            /\bentry\.\w+\s*(?:[-+*/|&?]{0,2}=(?![=>])|\+\+|--)|(?:\+\+|--)entry\.\w+/,
            found => `${found.trim()}; ask the roster to do that`,
          ),
        ),
    offender: { 'src/claim/claims.ts': '/** . */\nentry.refused++\n' },
  },
  {
    name: 'an object offers a stage few functions',
    check: sources =>
      sources
        .filter(file => isSrc(file) && !lies(file.path, HANDLES))
        .flatMap(file =>
          [...file.bare.matchAll(/\binterface (\w+)[^{]*\{([\s\S]*?)\n\}/g)]
            .map(({ 1: name, 2: body = '', index }) => ({ name, index, functions: functionsOf(body) }))
            .filter(({ functions }) => functions > MOST_FUNCTIONS)
            .map(
              ({ name, index, functions }) =>
                `${file.path}:${lineAt(file.bare, index)}: ${name} has ${functions} functions; hand in the objects that do the work`,
            ),
        ),
    offender: {
      'src/run/run.ts': `/** . */\ninterface Context {\n${'abcdefg'.replace(/./g, '  readonly $&: () => void\n')}}\n`,
    },
  },
  {
    name: 'rooms lie above one another: none is reached from itself through others',
    check: sources => circles(sources.filter(isSrc)),
    offender: {
      'src/job/a.ts': "/** . */\nimport type { B } from '../wheel/b.ts'\n",
      'src/wheel/b.ts': "/** . */\nimport { a } from '../job/a.ts'\n",
    },
  },
  {
    name: 'no test sleeps',
    check: sources =>
      sources
        .filter(file => isTest(file) && file.path !== 'test/house.test.ts')
        .flatMap(file =>
          matches(
            file,
            file.bare,
            /\bset(?:Timeout|Interval)\s*\(|(?<![.\w])(?:sleep|delay)\s*\(/,
            found => `${found.trim()}…); move the FakeClock, or wait for an event (test/support)`,
          ).concat(
            matches(
              file,
              file.code,
              /node:timers\/promises/,
              () => 'timers/promises; move the FakeClock, or wait for an event',
            ),
          ),
        ),
    offender: { 'test/wheel/slow.test.ts': 'await sleep(100)\n' },
  },
  {
    name: 'nothing is exported by default, nothing by a star',
    check: sources =>
      sources
        .filter(file => isTs(file) && /^(src|test)\//.test(file.path) && !DEFAULT_EXPORTS.includes(file.path))
        .flatMap(file =>
          matches(file, file.bare, /\bexport\s+(?:default\b|\*)/, found => `${found}; export it by its name`),
        ),
    offender: { 'src/job/job.ts': '/** . */\nexport default 1\n' },
  },
  {
    name: 'streams are subscribed to at the ends only',
    check: sources =>
      sources
        .filter(file => isSrc(file) && !lies(file.path, SUBSCRIBERS))
        .flatMap(file =>
          matches(
            file,
            file.bare,
            /\.subscribe\(/,
            () => 'subscribes; return the Observable and let node, cli, health or live do it',
          ),
        ),
    offender: { 'src/run/run.ts': '/** . */\nruns$.subscribe()\n' },
  },
  {
    name: 'every source file opens with a comment that says what it is',
    check: sources =>
      sources
        .filter(file => isSrc(file) && isTs(file) && !/^(#![^\n]*\n)?\/\*\* \S/.test(file.text))
        .map(({ path }) => `${path}:1: begin with /** 3 to 8 lines: what comes in, what goes out, what always holds`),
    offender: { 'src/job/job.ts': 'export const job = 1\n' },
  },
  {
    name: 'files are called for what they hold, in kebab-case',
    check: sources =>
      sources
        .filter(file => isTs(file) && /^(src|test)\//.test(file.path))
        .flatMap(({ path }) => {
          const name = path.replace(/^.*\//, '').replace(/(\.mongo)?(\.test)?\.tsx?$/, '')
          if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return [`${path}:1: "${name}"; rename it in kebab-case`]
          return VAGUE.test(name) ? [`${path}:1: "${name}" says nothing; name it for the noun or verb it exports`] : []
        }),
    offender: { 'src/job/helpers.ts': '/** . */\n', 'src/job/jobParser.ts': '/** . */\n' },
  },
  {
    name: 'source lies one folder deep',
    check: sources =>
      sources
        .filter(
          file => isSrc(file) && !/^src\/([^/]+\/)?[^/]+$/.test(file.path) && !file.path.startsWith('src/dashboard/'),
        )
        .map(({ path }) => `${path}:1: move it up: src is one folder deep (dashboard is its own house)`),
    offender: { 'src/job/deep/job.ts': '/** . */\n' },
  },
  {
    name: 'no file names a machine: no absolute paths, no registry hosts',
    check: sources =>
      sources
        .filter(({ path }) => path !== 'test/house.test.ts' && path !== 'package-lock.json')
        .flatMap(file =>
          matches(
            file,
            file.text,
            /(?<![\w.:/~$}])\/(?:home|root|work|Users|mnt)\/\w[^\s'"`)]*|\bregistry\.\w+\.\w+|\b[\w.-]*artifactory[\w.-]*\.\w+/,
            found => `${found}; write a path from the project's folder, and no host of a registry`,
          ),
        ),
    offender: { 'src/dev/mongod.ts': "/** . */\nconst data = '/home/ann/data'\n" },
  },
]

/** From the ground of the dashboard up; what lies beside the folders and joins them stands on top. */
const FLOORS = ['words', 'store', 'parts', 'views']
function floorOf(path: string): number {
  const [, , folder = '', file] = path.split('/')
  if (file !== undefined) return FLOORS.indexOf(folder)
  return /^(main|page)\.tsx$/.test(folder) ? FLOORS.length : -1
}

/** How many members of an interface are functions. */
const functionsOf = (body: string): number => body.match(/^ {2}(?:readonly )?\w+\??(?::[^\n]*=>|\()/gm)?.length ?? 0

/** Each ring of rooms once. */
function circles(sources: readonly Source[]): string[] {
  const graph = new Map<string, Map<string, string>>()
  for (const { path, imports } of sources) {
    const from = partOf(path)
    for (const { relative, target, line } of imports) {
      const to = partOf(target)
      if (!relative || to === from || JOINERS.includes(from)) continue
      graph.set(from, (graph.get(from) ?? new Map<string, string>()).set(to, `${path}:${line}`))
    }
  }
  const found = new Set<string>()
  const visit = (room: string, trail: readonly string[]): void => {
    const start = trail.indexOf(room)
    if (start >= 0) {
      const ring = [...trail.slice(start), room]
      found.add(
        `${graph.get(trail.at(-1) ?? room)?.get(room)}: ${ring.join(' → ')}; move what both need to the lower room`,
      )
      return
    }
    for (const to of graph.get(room)?.keys() ?? []) visit(to, [...trail, room])
  }
  for (const room of graph.keys()) visit(room, [])
  return [...found]
}

/** Each ring of imports once, as `a → b → a`. */
function cycles(sources: readonly Source[]): string[] {
  const graph = new Map(sources.map(({ path, imports }) => [path, imports.filter(({ relative }) => relative)]))
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      const ring = [...trail.slice(start), path]
      const line = graph.get(trail.at(-1) ?? path)?.find(({ target }) => target === path)?.line ?? 1
      found.push(
        `${trail.at(-1)}:${line}: ${ring.join(' → ')}; move what both need into a third file, or to the lower one`,
      )
      return
    }
    if (done.has(path)) return
    for (const { target } of graph.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const { path } of sources) visit(path, [])
  return [...new Set(found)]
}

const root = fileURLToPath(new URL('..', import.meta.url))
const house = [
  ...readSources(root, ['src', 'test'], ['.ts', '.tsx', '.js', '.mjs', '.json', '.md', '.html', '.css']),
  ...readSources(root, ['.config'], ['.ts', '.json']),
]

describe('the house', () => {
  for (const { name, check } of rules) {
    test(name, () => {
      expect(check(house).join('\n')).toBe('')
    })
  }

  test('no permission is left that nobody uses', () => {
    const uses = house.filter(isSrc).flatMap(file => file.imports.map(one => ({ path: file.path, ...one })))
    const unused = [
      ...Object.entries(KNOWS).flatMap(([from, { all, types = [] }]) =>
        [...all, ...types]
          .filter(to => !uses.some(({ path, target }) => partOf(path) === from && partOf(target) === to))
          .map(to => `${from} → ${to}`),
      ),
      ...Object.entries(LIBRARIES).flatMap(([library, { all, types = [] }]) =>
        [...all, ...types]
          .filter(place => !uses.some(({ path, target }) => lies(path, [place]) && target.startsWith(library)))
          .map(place => `${library} in ${place}`),
      ),
    ]
    expect(unused).toEqual([])
  })

  test('every folder and file at the top of src has its row', () => {
    const parts = new Set(
      house
        .filter(isSrc)
        .filter(isTs)
        .map(({ path }) => partOf(path)),
    )
    const known = [...GROUND, ...JOINERS, ...Object.keys(KNOWS)]
    expect([...parts].filter(part => !known.includes(part))).toEqual([])
  })
})

describe('each rule can fail', () => {
  for (const { name, check, offender } of rules) {
    test(name, () => {
      const files = Object.entries(offender)
      const findings = check(files.map(([path, text]) => source(path, text)))
      expect(findings.length).toBeGreaterThanOrEqual(name.includes('through others') ? 1 : files.length)
      for (const finding of findings) expect(finding).toMatch(/^(src|test)\/\S+:\d+: .+[;:] ?.+/)
    })
  }
})

describe('reading sources', () => {
  const imports = (text: string) => source('src/run/x.ts', text).imports

  test('finds every way to import, with its line', () => {
    const text = [
      "import './a.ts'",
      "import type { B } from '../job/b.ts'",
      'import {',
      '  c,',
      "} from 'c'",
      "export { d } from './d.ts'",
      "export type { E } from './e.ts'",
      "const f = await import('./f.ts')",
      "type G = import('./g.ts').G",
    ].join('\n')
    expect(imports(text).map(({ target, typeOnly, line }) => [target, typeOnly, line])).toEqual([
      ['src/run/a.ts', false, 1],
      ['src/job/b.ts', true, 2],
      ['c', false, 3],
      ['src/run/d.ts', false, 6],
      ['src/run/e.ts', true, 7],
      ['src/run/f.ts', false, 8],
      ['src/run/g.ts', false, 9],
    ])
  })

  test('is not taken in by comments, strings and patterns', () => {
    const text =
      "// import 'a'\n/* Date.now() */ const s = 'Date.now() // x'; const p = /['\"]/g; const t = /a\\//; use() // Date.now()"
    const { code, bare } = source('src/x.ts', text)
    expect(imports(text)).toEqual([])
    expect(code).not.toMatch(/import|\/\/ Date/)
    expect(bare).not.toContain('Date.now')
    expect(bare).toContain('use()')
  })
})
