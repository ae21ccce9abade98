/** Served: the HTTP server of a node.
 *  In: the node and its options. Out: API and dashboard on the address of the option `http`, over a connection of their own: what
 *  is asked there takes no place from claims, and a node that was stopped over HTTP can be started over HTTP again.
 *  What serves is loaded here, so that a node without a server does not wait for it. */
import type { App } from '../api/app.ts'
import { clientOf } from '../client/connect.ts'
import { openDatabase } from '../database/database.ts'
import type { Address, HttpServer } from '../http/server.ts'
import type { NodeHere } from '../http/serving.ts'
import type { CheckedOptions } from './options.ts'

export interface Served {
  close(): Promise<void>
}

/** Undefined: the options name no address. Throws what a connection throws, and `conflict` for a taken port. */
export async function serveNode(node: NodeHere, options: CheckedOptions): Promise<Served | undefined> {
  const { http } = options
  if (http === undefined) return undefined
  const { createApp, assertServable, addressOf, listen } = await import('../api/door.ts')
  const address = addressOf(http) as Address
  const client = clientOf(await openDatabase(options, 'tidewheel:http'), options)
  let app: App | undefined
  let server: HttpServer | undefined
  const close = async () => {
    await app?.close()
    await server?.close()
    await client.close()
  }
  try {
    await assertServable(address.host, client)
    app = createApp({ ...served(options), client, node })
    server = await listen(app.listener, { address })
    return { close }
  } catch (error) {
    await close()
    throw error
  }
}

const served = ({ basePath, allowedHosts, readOnly, logger }: CheckedOptions) => ({
  logger,
  ...(basePath !== undefined && { basePath }),
  ...(allowedHosts !== undefined && { allowedHosts }),
  ...(readOnly !== undefined && { readOnly }),
})
