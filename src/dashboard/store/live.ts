/** Live: the stream of events, and whether it flows.
 *  In: `/api/events`. Out: each event to whoever heeds it; `reset` when some may have been lost, upon which everybody reads anew.
 *  The browser resumes by itself where the stream broke (`Last-Event-ID`); where it gave up, the page tries again. */
import { below } from '../base-path.ts'
import { Cell } from '../cell.ts'
import { every, later, now } from '../clock.ts'
import type { LiveEvent } from '../shapes.ts'

/** `away`: the server answers, its database does not. */
export type Flow = 'connecting' | 'live' | 'reconnecting' | 'away'

export const flow = new Cell<Flow>('connecting')
/** When something last came, by the server's clock. */
export const lastWord = new Cell<number | undefined>(undefined)

const RETRY_MS = 2_000
const LONGEST_RETRY_MS = 30_000
const UNLIVE_MS = 10_000
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

/** What ends all that was begun together. */
export const together =
  (...ends: readonly (() => void)[]): (() => void) =>
  () => {
    for (const end of ends) end()
  }

export function connect(): void {
  open(RETRY_MS)
  // Without a stream the page looks for itself, less often.
  every(UNLIVE_MS, () => {
    if (flow.value !== 'live' && !document.hidden) lose()
  })
}

function open(retryMs: number): void {
  const source = new EventSource(below('api/events'))
  source.addEventListener('open', () => {
    flow.set('live')
    if (broken) lose()
    broken = false
  })
  source.addEventListener('error', () => {
    broken = true
    flow.set('reconnecting')
    if (source.readyState !== EventSource.CLOSED) return
    source.close()
    later(retryMs, () => open(Math.min(retryMs * 2, LONGEST_RETRY_MS)))
  })
  source.addEventListener('reset', lose)
  source.addEventListener('stream.resynced', lose)
  source.addEventListener('stream.interrupted', () => flow.set('away'))
  source.addEventListener('stream.resumed', () => flow.set('live'))
  for (const type of TYPES) source.addEventListener(type, event => tell(type, (event as MessageEvent<string>).data))
}

function lose(): void {
  for (const reset of [...resets]) reset()
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
