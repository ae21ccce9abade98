/** Serving: what the routes of one app share. */
import type { Observable } from 'rxjs'
import type { Client } from '../client/connect.ts'
import type { TidewheelEvent } from '../event.ts'
import type { WorkspaceFile } from '../executor/workspace.ts'
import type { Requests } from '../health/requests.ts'
import type { Runs } from '../health/runs.ts'
import type { NodeStatus } from '../health/status.ts'
import type { Hub } from '../live/hub.ts'
import type { Logger } from '../log.ts'
import type { Door } from './door.ts'
import type { Pulse } from './pulse.ts'

/** The node of this process, as far as it is served: the room that makes nodes serves itself by this one. */
export interface NodeHere {
  readonly ip: string | undefined
  readonly client: Client
  readonly events$: Observable<TidewheelEvent>
  start(): Promise<void>
  stop(options?: { readonly wait?: boolean }): Promise<void>
  pause(): void
  resume(): void
  status(): NodeStatus
  /** What its workspace has to run. */
  workspace(): Promise<readonly WorkspaceFile[]>
}

export interface Serving {
  readonly client: Client
  /** Undefined: this server runs no job. */
  readonly node: NodeHere | undefined
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
