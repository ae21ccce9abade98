/** Waiting for events: a node's events are hot, so ask before doing what should cause one.
 *  `nextEvent` gives the first that matches, or fails after a deadline with what came instead;
 *  `collect` keeps all from now on. */
import { type Observable, Subscription } from 'rxjs'
import type { EventOf, EventType, TidewheelEvent } from '../../src/event.ts'

/** A node, or anything else that tells events. */
export interface Source {
  readonly events$: Observable<TidewheelEvent>
}

/** Fields an event must have, compared by JSON; or a question to it. */
export type Match<T extends EventType> = Partial<EventOf<T>> | ((event: EventOf<T>) => boolean)

const DEADLINE_MS = 8_000

export function nextEvent<T extends EventType>(
  source: Source | readonly Source[],
  type: T,
  match: Match<T> = {},
  deadlineMs = DEADLINE_MS,
): Promise<EventOf<T>> {
  const came: TidewheelEvent[] = []
  const subscription = new Subscription()
  const found = new Promise<EventOf<T>>((resolve, reject) => {
    const late = setTimeout(() => {
      const what = typeof match === 'function' ? String(match) : JSON.stringify(match)
      reject(new Error(`no ${type} ${what} within ${deadlineMs} ms; came:\n${came.map(line).join('\n') || 'nothing'}`))
    }, deadlineMs)
    subscription.add(() => clearTimeout(late))
    for (const { events$ } of [source].flat() as Source[]) {
      const look = (event: TidewheelEvent) => {
        came.push(event)
        if (event.type === type && matches(event as EventOf<T>, match)) resolve(event as EventOf<T>)
      }
      subscription.add(events$.subscribe(look))
    }
  })
  // Also for those who never get to await it, because what should cause it failed.
  found.catch(() => {})
  return found.finally(() => subscription.unsubscribe())
}

export interface Collected {
  readonly events: readonly TidewheelEvent[]
  /** Those of one type, in order. */
  of<T extends EventType>(type: T): readonly EventOf<T>[]
  /** Their types, in order. */
  types(): readonly EventType[]
  stop(): void
}

/** All events from now on, those about one job if `jobId` is given. */
export function collect(source: Source | readonly Source[], jobId?: string): Collected {
  const events: TidewheelEvent[] = []
  const subscription = new Subscription()
  for (const { events$ } of [source].flat() as Source[]) {
    const keep = (event: TidewheelEvent) => {
      if (jobId === undefined || ('job_id' in event && event.job_id === jobId)) events.push(event)
    }
    subscription.add(events$.subscribe(keep))
  }
  return {
    events,
    of: <T extends EventType>(type: T) => events.filter(event => event.type === type) as EventOf<T>[],
    types: () => events.map(event => event.type),
    stop: () => subscription.unsubscribe(),
  }
}

function matches<T extends EventType>(event: EventOf<T>, match: Match<T>): boolean {
  if (typeof match === 'function') return match(event)
  return Object.entries(match).every(
    ([field, value]) => JSON.stringify((event as unknown as Record<string, unknown>)[field]) === JSON.stringify(value),
  )
}

const line = ({ at, ...event }: TidewheelEvent): string =>
  `  ${at.toISOString()} ${JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? String(value) : value))}`
