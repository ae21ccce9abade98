/** The package as a registry would get it, looked over: publint on what is packed, and its types as each kind of import finds them.
 *  Packs what lies in dist; whoever calls has built it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'tidewheel-package-'))
// On Windows these are .cmd files, which need a shell.
const run = (program, ...args) => execFileSync(program, args, { stdio: 'inherit', shell: process.platform === 'win32' })
try {
  execFileSync('npm', ['pack', '--ignore-scripts', '--loglevel', 'error', '--pack-destination', folder], {
    shell: process.platform === 'win32',
  })
  const tarball = join(
    folder,
    readdirSync(folder).find(name => name.endsWith('.tgz')),
  )
  run('publint', tarball, '--strict')
  // Only modules: `require` of them works from Node 20.19 on, and without `exports` (node10) nobody can import.
  run('attw', tarball, '--profile', 'esm-only', '--format', 'ascii', '--quiet')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
