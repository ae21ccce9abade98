/** Status: what a node says of itself, to its application and to whoever asks whether it is well. */

/** Where a node is in its life. `standby`: another process holds its ip. `draining`: its runs are waited for, no new one is taken. */
export type NodeState = 'stopped' | 'starting' | 'standby' | 'active' | 'paused' | 'draining' | 'closed'

/** What a node says of itself at this moment. Reading it asks no database. */
export interface NodeStatus {
  readonly ip: string | undefined
  readonly state: NodeState
  /** Jobs of this ip, whether armed, paused or invalid. */
  readonly jobs: number
  /** Of them, those that wait for a time. */
  readonly armed: number
  /** Runs that go on. */
  readonly running: number
  /** Due runs whose claim is asked of the database, or waits until it can be. */
  readonly claiming: number
  /** Milliseconds for which due runs have waited without a claim's being made or answered; 0: claims flow, or nothing is due. */
  readonly claimingFor: number
  /** Milliseconds since the last heartbeat that the database acknowledged was sent, and until the lease ends (0: it has); undefined:
   *  this process does not hold the lease of its ip. */
  readonly lease: { readonly age: number; readonly left: number } | undefined
  /** Its stream of changes: whether the server answers it, and by how many milliseconds it is behind; undefined: nothing is followed. */
  readonly stream: { readonly open: boolean; readonly behind: number } | undefined
  /** Milliseconds by which this machine's clock is ahead of the server's, as the last heartbeat measured it; undefined: the node is not started. */
  readonly offset: number | undefined
}
