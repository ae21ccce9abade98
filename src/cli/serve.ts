/** `tidewheel serve`: API and dashboard only, runs no job, until SIGINT or SIGTERM.
 *  What every command that serves shares: where it listens, what it may, and what it says. */
import { Command } from 'commander'
import type { Served, ServeOptions } from '../api/serve.ts'
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
        const served = await serveHere({ client, logger: loggerOf(settings) }, settings)
        out.note(`API and dashboard: ${served.url}`)
        await first
        await served.close()
      })
      close()
    }),
  )

/** `orNext`: where nobody chose the address and it is taken, the next free port will do. */
export async function serveHere(
  options: Pick<ServeOptions, 'client' | 'node' | 'logger'>,
  settings: Settings,
  { orNext = false } = {},
): Promise<Served> {
  const { http, basePath, allowedHosts, readOnly, metricsAuth } = settings
  const { serve } = await import('../api/serve.ts')
  return await serve({
    ...options,
    http: http ?? USUAL_ADDRESS,
    orNext: orNext && http === undefined,
    basePath,
    allowedHosts,
    readOnly,
    metricsAuth,
  })
}

/** The log goes to stdout, as that of `start` does. */
export function loggerOf({ json = false, quiet = false, verbose = false }: Settings): Logger {
  const level = verbose ? 'debug' : quiet ? 'warn' : 'info'
  return json ? jsonLogger({ level }, process.stdout) : streamLogger(process.stdout, { level })
}
