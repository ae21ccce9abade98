import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const root = fileURLToPath(new URL('../src/dashboard', import.meta.url))
const outDir = fileURLToPath(new URL('../dist/dashboard', import.meta.url))
const SMALLEST_BYTES = 256

/** Beside each asset lies the same as .br and .gz, so that no server compresses while somebody waits. Not for index.html: the
 *  server writes its base path into it. */
const precompressed: Plugin = {
  name: 'precompressed',
  writeBundle({ dir = outDir }) {
    const folder = join(dir, 'assets')
    for (const name of readdirSync(folder).filter(one => /\.(js|css|svg)$/.test(one))) {
      const bytes = readFileSync(join(folder, name))
      if (bytes.length < SMALLEST_BYTES) continue
      writeFileSync(
        join(folder, `${name}.br`),
        brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
      )
      writeFileSync(join(folder, `${name}.gz`), gzipSync(bytes, { level: 9 }))
    }
  },
}

/** The dashboard: one page, hashed assets at addresses relative to its base, nothing inline. */
export default defineConfig({
  root,
  base: './',
  logLevel: 'warn',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  plugins: [precompressed],
})
