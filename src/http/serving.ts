/** Serving: what the routes of one app share. */
import type { Client } from '../client/connect.ts'
import type { Requests } from '../health/requests.ts'
import type { Runs } from '../health/runs.ts'
import type { Hub } from '../live/hub.ts'
import type { Logger } from '../log.ts'
import type { TidewheelNode } from '../node/node.ts'
import type { Door } from './door.ts'
import type { Pulse } from './pulse.ts'

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
  /** Live events, for all who listen to this app. */
  readonly hub: Hub
  /** Whether the database answers. */
  readonly pulse: Pulse
  /** What was asked of this app. */
  readonly requests: Requests
  /** The runs of the node in this process; undefined: there is none. */
  readonly runs: Runs | undefined
  /** Whether metrics need a user. */
  readonly metricsAuth: boolean
}
