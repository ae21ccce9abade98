/** The page in a browser: sites that serve it, and tabs that look at it.
 *  A site is the published package behind a real server, which can go away and come back at its address.
 *  A tab keeps what the page complained of, so that a test can say that there was nothing. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { AppOptions } from '../../src/api/app.ts'
import type { BuiltPackage } from './built-package.ts'

export interface Site {
  /** With the base path, without a slash at the end. */
  readonly url: string
  /** Nobody answers at its address any more. */
  goAway(): Promise<void>
  comeBack(): Promise<void>
  close(): Promise<void>
}

export async function openSite({ createApp }: Pick<BuiltPackage, 'createApp'>, options: AppOptions): Promise<Site> {
  let port = 0
  let leave = async () => {}
  const come = async () => {
    const app = createApp({ logger: false, ...options })
    const server = createServer(app.listener)
    await listen(server, port)
    port = (server.address() as AddressInfo).port
    leave = async () => {
      leave = async () => {}
      await app.close()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
  }
  await come()
  return {
    url: `http://127.0.0.1:${port}${options.basePath ?? ''}`,
    goAway: () => leave(),
    comeBack: come,
    close: () => leave(),
  }
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })

export interface Tab {
  readonly page: Page
  /** Errors of scripts, and what the browser itself wrote to its console as an error. */
  readonly complaints: readonly string[]
  /** The row of a job in the list. */
  row(id: string): Locator
  close(): Promise<void>
}

/** A tab of its own: nothing is shared with another. */
export async function openTab(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    ...options,
  })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(`${message.text()} ${message.location().url}`)
  })
  await page.goto(url)
  return {
    page,
    complaints,
    row: id => page.locator('table.jobs tbody tr', { has: page.locator(`a.job-name >> text="${id}"`) }),
    close: () => context.close(),
  }
}
