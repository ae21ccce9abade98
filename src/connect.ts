/** Draft: the same handles without running a node. */
import type { Jobs, NodeOptions } from './node.ts'
export interface Client extends AsyncDisposable {
  readonly jobs: Jobs
  close(): Promise<void>
}
export type ConnectOptions = Pick<NodeOptions, 'uri' | 'client' | 'db' | 'collections' | 'timezone' | 'connectTimeout'>
export async function connect(_options: ConnectOptions): Promise<Client> {
  throw new Error('draft')
}
