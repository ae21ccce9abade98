/** Live: the stream of events, and whether it flows.
 *  In: `/api/events`. Out: each event to whoever heeds it; `reset` when some may have been lost, upon which everybody reads anew.
 *  The browser resumes by itself where the stream broke (`Last-Event-ID`); where it gave up, the page tries again. */
import { below } from '../base-path.ts'
import { Cell } from '../cell.ts'
import { later, now } from '../clock.ts'
import type { LiveEvent } from '../shapes.ts'

export type Flow = 'connecting' | 'live' | 'reconnecting'

export const flow = new Cell<Flow>('connecting')
/** When something last came, by the server's clock. */
export const lastWord = new Cell<number | undefined>(undefined)

const RETRY_MS = 2_000
const JOB_TYPES = ['added', 'modified', 'moved', 'paused', 'resumed', 'removed', 'invalid', 'adopted', 'stranded']
const RUN_TYPES = [
  ...['claimed', 'started', 'executed', 'error', 'retrying', 'missed', 'max_instances', 'timeout', 'cancelled'],
  'interrupted',
]
const NODE_TYPES = ['started', 'standby', 'paused', 'resumed', 'draining', 'stopped', 'fenced', 'joined', 'lost']
const TYPES = [
  ...JOB_TYPES.map(type => `job.${type}`),
  ...RUN_TYPES.map(type => `run.${type}`),
  ...NODE_TYPES.map(type => `node.${type}`),
]

type Heed = (event: LiveEvent) => void

const heeds = new Set<Heed>()
const resets = new Set<() => void>()
let broken = false

/** Answers with what ends it. */
export function heed(what: Heed): () => void {
  heeds.add(what)
  return () => heeds.delete(what)
}

/** Called where events may have been lost: read anew. */
export function heedReset(what: () => void): () => void {
  resets.add(what)
  return () => resets.delete(what)
}

export function connect(): void {
  const source = new EventSource(below('api/events'))
  source.addEventListener('open', () => {
    flow.set('live')
    if (broken) for (const reset of [...resets]) reset()
    broken = false
  })
  source.addEventListener('error', () => {
    broken = true
    flow.set('reconnecting')
    if (source.readyState !== EventSource.CLOSED) return
    source.close()
    later(RETRY_MS, connect)
  })
  source.addEventListener('reset', () => {
    for (const reset of [...resets]) reset()
  })
  for (const type of TYPES) source.addEventListener(type, event => tell(type, (event as MessageEvent<string>).data))
}

function tell(type: string, data: string): void {
  lastWord.set(now())
  try {
    const event = { ...(JSON.parse(data) as LiveEvent), type }
    for (const one of [...heeds]) one(event)
  } catch (error) {
    console.error(type, error)
  }
}
