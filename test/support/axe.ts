/** axe-core on a page as it stands: what it finds serious or critical, one line for each. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

interface Found {
  readonly violations: readonly {
    readonly id: string
    readonly impact?: string | null
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
  }[]
}

const GRAVE: readonly unknown[] = ['serious', 'critical']
const SHOWN = 160

let source: string | undefined

export async function graveFindings(page: Page): Promise<string[]> {
  source ??= await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  // By the debugger, not as a script of the page: its content security policy stays as it is.
  await page.evaluate(source)
  const found = (await page.evaluate('axe.run(document)')) as Found
  return found.violations
    .filter(({ impact }) => GRAVE.includes(impact))
    .flatMap(({ id, nodes }) =>
      nodes.slice(0, 3).map(({ html, failureSummary = '' }) => {
        const about = failureSummary.replace(/\s+/g, ' ').slice(0, 2 * SHOWN)
        return `${id}: ${html.slice(0, SHOWN)}: ${about}`
      }),
    )
}
