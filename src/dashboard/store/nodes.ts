/** Nodes: the registry as the page knows it, shared by all views.
 *  In: `/api/nodes`, read at each event of a node and every few seconds, since heartbeats are no events. Out: nodes by ip. */
import { get } from '../api.ts'
import { Cell, useCell } from '../cell.ts'
import { every, throttled } from '../clock.ts'
import type { Node, Page } from '../shapes.ts'
import type { Nodes } from '../words/status.ts'
import { heed, heedReset } from './live.ts'

export const nodes = new Cell<Nodes>(undefined)

const EVERY_MS = 3_000
const LEAST_MS = 500

async function read(): Promise<void> {
  try {
    const { items } = await get<Page<Node>>('nodes')
    nodes.set([...items].sort((a, b) => a._id.localeCompare(b._id, 'en', { numeric: true })))
  } catch {
    // What is known stays; that it is not live is said where "Live" stands.
  }
}

export const readNodes = throttled(LEAST_MS, () => void read())

export function followNodes(): void {
  readNodes()
  every(EVERY_MS, () => {
    if (!document.hidden) readNodes()
  })
  heed(({ type }) => {
    if (type.startsWith('node.') || ['job.moved', 'job.added', 'job.removed', 'job.adopted'].includes(type)) readNodes()
  })
  heedReset(readNodes)
}

export const useNodes = (): Nodes => useCell(nodes)

export const nodeOf = (ip: string | undefined): Node | undefined => nodes.value?.find(node => node._id === ip)
