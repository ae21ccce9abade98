/** Serve: an app on an address of this machine, as a node and the command line have it.
 *  In: what the app is made of, and where it listens. Out: its address for a browser, and its end. Refuses addresses that others reach
 *  while nobody could pass its door. Loaded only where something is served: nothing else waits for the libraries behind it. */
import type { Client } from '../client/connect.ts'
import { assertServable } from '../http/door.ts'
import { type Address, addressOf, listen } from '../http/server.ts'
import { type AppOptions, createApp } from './app.ts'

export interface ServeOptions extends AppOptions {
  readonly client: Client
  /** `127.0.0.1:7788`, checked by the table of options. */
  readonly http: string
  /** Where that is taken, the next free port will do. Default: false. */
  readonly orNext?: boolean
}

export interface Served {
  /** Where a browser finds the dashboard. */
  readonly url: string
  /** Ends what is under way; the client stays open. */
  close(): Promise<void>
}

/** Throws `conflict` for a taken port, and `invalid_option` for an address that is not this machine's, or that needs users first. */
export async function serve({ http, orNext = false, ...options }: ServeOptions): Promise<Served> {
  const address = addressOf(http) as Address
  await assertServable(address.host, options.client, options.auth)
  const app = createApp(options)
  try {
    const server = await listen(app.listener, { address, orNext })
    return {
      url: `${server.url}${options.basePath ?? ''}/`,
      close: async () => {
        await app.close()
        await server.close()
      },
    }
  } catch (error) {
    await app.close()
    throw error
  }
}
