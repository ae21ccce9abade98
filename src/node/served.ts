/** Served: the HTTP server of a node.
 *  In: the node and its options. Out: API and dashboard on the address of the option `http`, over a connection of their own: what
 *  is asked there takes no place from claims, and a node that was stopped over HTTP can be started over HTTP again. */
import type { Served } from '../api/serve.ts'
import { clientOf } from '../client/connect.ts'
import { openDatabase } from '../database/database.ts'
import type { NodeHere } from '../http/serving.ts'
import type { CheckedOptions } from './options.ts'

/** Undefined: the options name no address. Throws what a connection throws, and `conflict` for a taken port. */
export async function serveNode(node: NodeHere, options: CheckedOptions): Promise<Pick<Served, 'close'> | undefined> {
  const { http, basePath, allowedHosts, readOnly, metricsAuth, logger } = options
  if (http === undefined) return undefined
  const { serve } = await import('../api/serve.ts')
  const client = clientOf(await openDatabase(options, 'tidewheel:http'), options)
  try {
    const served = await serve({ client, node, http, basePath, allowedHosts, readOnly, metricsAuth, logger })
    return {
      close: async () => {
        await served.close()
        await client.close()
      },
    }
  } catch (error) {
    await client.close()
    throw error
  }
}
