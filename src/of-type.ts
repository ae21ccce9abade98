/** ofType: an RxJS operator that keeps events of some types, and narrows to them. */
import { filter, type OperatorFunction } from 'rxjs'
import type { EventOf, EventType, TidewheelEvent } from './event.ts'

/** `events$.pipe(ofType('run.executed', 'run.error'))`. */
export function ofType<T extends EventType>(...types: readonly T[]): OperatorFunction<TidewheelEvent, EventOf<T>> {
  const wanted: ReadonlySet<string> = new Set(types)
  return filter((event): event is EventOf<T> & TidewheelEvent => wanted.has(event.type)) as OperatorFunction<
    TidewheelEvent,
    EventOf<T>
  >
}
