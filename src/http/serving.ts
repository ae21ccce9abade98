/** Serving: what the routes of one app share. */
import type { Observable } from 'rxjs'
import type { Client } from '../client/connect.ts'
import type { TidewheelEvent } from '../event.ts'
import type { Logger } from '../log.ts'
import type { Door } from './door.ts'

/** The node of this process, as far as it is served: the room that makes nodes serves itself by this one. */
export interface NodeHere {
  readonly ip: string | undefined
  readonly client: Client
  readonly events$: Observable<TidewheelEvent>
  start(): Promise<void>
  stop(options?: { readonly wait?: boolean }): Promise<void>
  pause(): void
  resume(): void
  status(): { readonly state: string }
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
}
