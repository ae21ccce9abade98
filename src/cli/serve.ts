/** `tidewheel serve`: API and dashboard only, runs no job, until SIGINT or SIGTERM.
 *  What every command that serves shares: where it listens, what it may, and what it says. */
import { Command } from 'commander'
import type { AppOptions } from '../api/app.ts'
import type { Address, HttpServer } from '../http/server.ts'
import type { Client } from '../index.ts'
import { jsonLogger, type Logger, streamLogger } from '../log.ts'
import { addSettings, type Call, run, withClient, withExample } from './call.ts'
import type { SettingName, Settings } from './settings.ts'
import { signals } from './signals.ts'

export const SERVES: readonly SettingName[] = ['http', 'basePath', 'readOnly']
export const USUAL_ADDRESS = '127.0.0.1:7788'

export const serveCommand = () =>
  withExample(addSettings(new Command('serve').description('serve API and dashboard, run no job'), SERVES), [
    'tidewheel serve',
    'tidewheel serve --http 0.0.0.0:7788 --base-path /tidewheel',
  ]).action(
    run(SERVES, async ({ settings, out }: Call) => {
      const { first, close } = signals()
      await withClient(settings, async client => {
        const served = await serve({ client, logger: loggerOf(settings) }, settings)
        out.note(`API and dashboard: ${served.url}`)
        await first
        await served.close()
      })
      close()
    }),
  )

export interface ServedHere {
  /** Where a browser finds the dashboard. */
  readonly url: string
  close(): Promise<void>
}

/** `orNext`: where nobody chose the address and it is taken, the next free port will do. */
export async function serve(
  options: Pick<AppOptions, 'node' | 'logger'> & { readonly client: Client },
  settings: Settings,
  { orNext = false } = {},
): Promise<ServedHere> {
  const { http, basePath, allowedHosts, readOnly } = settings
  // Loaded where it is needed: no other command waits for it.
  const { createApp, assertServable, addressOf, listen } = await import('../api/door.ts')
  const address = addressOf(http ?? USUAL_ADDRESS) as Address
  await assertServable(address.host, options.client)
  const app = createApp({
    ...options,
    ...(basePath !== undefined && { basePath }),
    ...(allowedHosts !== undefined && { allowedHosts }),
    ...(readOnly !== undefined && { readOnly }),
  })
  let server: HttpServer
  try {
    server = await listen(app.listener, { address, orNext: orNext && http === undefined })
  } catch (error) {
    await app.close()
    throw error
  }
  return {
    url: `${server.url}${basePath ?? ''}/`,
    async close() {
      await app.close()
      await server.close()
    },
  }
}

/** The log goes to stdout, as that of `start` does. */
export function loggerOf({ json = false, quiet = false, verbose = false }: Settings): Logger {
  const level = verbose ? 'debug' : quiet ? 'warn' : 'info'
  return json ? jsonLogger({ level }, process.stdout) : streamLogger(process.stdout, { level })
}
