/** Serving: what the routes of one app share. */
import type { Client } from '../client/connect.ts'
import type { Logger } from '../log.ts'
import type { TidewheelNode } from '../node/node.ts'
import type { Door } from './door.ts'

export interface Serving {
  readonly client: Client
  /** The node in this process, if one is. */
  readonly node: TidewheelNode | undefined
  readonly door: Door
  readonly log: Logger
  /** Nobody may change anything here, whatever the role. */
  readonly readOnly: boolean
  /** Empty, or `/tidewheel`. */
  readonly basePath: string
}
