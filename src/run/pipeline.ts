/** Pipeline: due runs of one function as a stream, for embedding code that handles them with RxJS.
 *  In: the runs the node hands to the function. Out: a cold stream of them; each is open until `complete` or `fail`, and keeps its place
 *  in the executor until then, which is the back-pressure. A subscriber that leaves ends its open runs as cancelled. */
import { Observable, type Subscriber } from 'rxjs'
import { TidewheelError } from '../errors.ts'
import type { Run, Task } from '../executor/executor.ts'

/** A run that ends when it is told to. Later calls on an ended run do nothing. */
export interface PipelineRun extends Run {
  /** It ends as `executed`, with this result. */
  complete(value?: unknown): void
  /** It ends as `error`, and is tried again where its job says `retry`. */
  fail(error: unknown): void
}

export interface PipelineContext {
  /** Makes the function known; throws `conflict` when the name is taken. */
  readonly register: (func: string, task: Task) => void
  readonly unregister: (func: string) => void
  readonly cancel: (runId: string, reason: string) => void
}

/** One subscriber at a time: a second one's error is a `conflict`. */
export function runsOf(func: string, context: PipelineContext): Observable<PipelineRun> {
  return new Observable(subscriber => {
    const open = new Map<string, () => void>()
    try {
      context.register(func, run => handOver(run, subscriber, open))
    } catch (error) {
      subscriber.error(error)
      return
    }
    return () => {
      context.unregister(func)
      for (const [id, end] of open) {
        context.cancel(id, `the subscriber of ${func} left`)
        end()
      }
    }
  })
}

function handOver(run: Run, subscriber: Subscriber<PipelineRun>, open: Map<string, () => void>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => () => {
      if (open.delete(run.id)) settle()
    }
    open.set(
      run.id,
      end(() => reject(new TidewheelError('closed', 'the subscriber left'))),
    )
    // An aborted run is over, whatever the pipeline still does with it.
    run.signal.addEventListener('abort', () => open.get(run.id)?.())
    const handle = Object.create(run, {
      complete: { value: (value?: unknown) => end(() => resolve(value))() },
      fail: { value: (error: unknown) => end(() => reject(error))() },
    }) as PipelineRun
    subscriber.next(handle)
  })
}
