/** A release: `npm run release -- VERSION [--dry-run]`.
 *  Holds: the tree is clean, the version is new and higher, CHANGELOG.md has something under Unreleased, checks and tests pass. Then
 *  the version goes into package.json, Unreleased becomes its section, the tarball and its bill of materials lie in release/, and the
 *  commit is tagged. Nothing is pushed and nothing published: the last line says how.
 *  A dry run checks, packs and writes the bill of materials too; it changes no file of the tree, skips the tests and tags nothing. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const version = process.argv[2] ?? ''
const isDry = process.argv.includes('--dry-run')
const OUT = 'release'
const UNRELEASED = '## [Unreleased]'

function run(program, args, options = {}) {
  try {
    return execFileSync(program, args, { stdio: 'inherit', shell: process.platform === 'win32', ...options })
  } catch (error) {
    refuse(`${program} ${args.join(' ')}: ended with ${error.status ?? error.signal}`)
  }
}
const said = (program, args, options = {}) =>
  run(program, args, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 64 << 20, ...options }).trim()
const step = text => process.stdout.write(`== ${text}\n`)

function refuse(sentence) {
  process.stderr.write(`${sentence}\n`)
  process.exit(1)
}

const partsOf = text => text.split(/[-.]/).slice(0, 3).map(Number)
function isHigher(one, other) {
  const [a, b] = [partsOf(one), partsOf(other)]
  const at = a.findIndex((part, i) => part !== b[i])
  return at === -1 ? other.includes('-') : a[at] > b[at]
}

step('the tree and the version')
const { version: last } = JSON.parse(readFileSync('package.json', 'utf8'))
const changelog = readFileSync('CHANGELOG.md', 'utf8')
if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) refuse(`expected a version such as 1.2.3, found "${version}"`)
const tags = said('git', ['tag', '--list']).split('\n')
if (tags.includes(`v${version}`)) refuse(`v${version} is tagged already`)
// The first release may have the version that stands there.
if (!isHigher(version, last) && !(version === last && !tags.includes(`v${last}`)))
  refuse(`${version} is not higher than ${last}`)
if (said('git', ['status', '--porcelain']) !== '')
  refuse('the tree is not clean: commit or take back what git status shows')
const [, section = ''] = changelog.split(UNRELEASED)
const news = section.split(/^## \[/m)[0]
if (!/^- /m.test(news)) refuse('CHANGELOG.md: expected lines under Unreleased, found none')

step('checks')
run('npm', ['run', '--silent', 'check'])
run('npm', ['run', '--silent', 'build'])
run('npm', ['run', '--silent', 'check:package'])
if (!isDry) {
  step('tests')
  run('npm', ['test'], { env: { ...process.env, CI: 'true' } })
  step('version and changelog')
  run('npm', ['version', '--no-git-tag-version', '--allow-same-version', version])
  const day = new Date().toISOString().slice(0, 10)
  writeFileSync('CHANGELOG.md', changelog.replace(UNRELEASED, `${UNRELEASED}\n\n## [${version}] - ${day}`))
}

step('tarball and bill of materials')
rmSync(OUT, { recursive: true, force: true })
mkdirSync(OUT)
// Packing builds anew, from nothing.
run('npm', ['pack', '--silent', '--pack-destination', OUT])
// Of what somebody gets who installs it, peers and all.
const folder = mkdtempSync(join(tmpdir(), 'tidewheel-release-'))
const tarball = resolve(
  OUT,
  readdirSync(OUT).find(name => name.endsWith('.tgz')),
)
writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'installed', version, private: true }))
run('npm', ['install', '--silent', '--ignore-scripts', '--no-audit', tarball], { cwd: folder })
const bill = JSON.parse(said('npm', ['sbom', '--sbom-format', 'cyclonedx'], { cwd: folder }))
// The tarball's place on this machine is nobody's business.
for (const component of bill.components)
  component.externalReferences = component.externalReferences?.filter(({ url }) => !url.startsWith('file:'))
rmSync(folder, { recursive: true, force: true })
writeFileSync(`${OUT}/sbom.cdx.json`, `${JSON.stringify(bill, null, 2)}\n`)
process.stdout.write(`${bill.components.length} components in ${OUT}/sbom.cdx.json\n`)

if (isDry) {
  process.stdout.write(`nothing was changed, tested or tagged; the notes would be:\n${news.trim()}\n`)
} else {
  step('commit and tag')
  run('git', ['commit', '--all', '--message', `Release ${version}`])
  run('git', ['tag', '--annotate', `v${version}`, '--message', news.trim()])
  process.stdout.write(`git push --follow-tags && npm publish ${OUT}/*.tgz\n`)
}
