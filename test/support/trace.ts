/** Trace: what the main thread of a tab did, as the browser itself recorded it.
 *  In: a browser. Out: tasks of the tabs' main threads, each with its time by the clock and with the thread's own: on a busy machine a
 *  task waits for a processor, and that is not the page's doing. */
import type { Browser } from 'playwright-core'

export interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  /** Microseconds, as all durations here. */
  readonly ts: number
  readonly dur?: number
  readonly tdur?: number
  readonly args?: { readonly name?: string; readonly data?: { readonly functionName?: string } }
}

export interface Task {
  readonly wallMs: number
  readonly threadMs: number
  /** What took most of it, if it was long. */
  readonly of: string
}

export interface Traced {
  readonly events: readonly TraceEvent[]
  /** The longest by the thread's time first. */
  readonly tasks: readonly Task[]
}

export const LONG_MS = 100
const TRACED = ['disabled-by-default-devtools.timeline', 'devtools.timeline']

/** Answers with what ends it. */
export async function startTrace(browser: Browser): Promise<() => Promise<Traced>> {
  const cdp = await browser.newBrowserCDPSession()
  const events: TraceEvent[] = []
  cdp.on('Tracing.dataCollected', ({ value }) => void events.push(...(value as unknown as TraceEvent[])))
  const traceConfig = { includedCategories: TRACED, excludedCategories: ['*'], recordMode: 'recordUntilFull' as const }
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig })
  return async () => {
    const complete = new Promise(resolve => cdp.once('Tracing.tracingComplete', resolve))
    await cdp.send('Tracing.end')
    await complete
    await cdp.detach()
    return { events, tasks: tasksOf(events) }
  }
}

function tasksOf(events: readonly TraceEvent[]): readonly Task[] {
  const threads = events.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
  const mains = new Set(threads.map(({ pid, tid }) => `${pid} ${tid}`))
  const ours = events.filter(({ pid, tid, ph }) => ph === 'X' && mains.has(`${pid} ${tid}`))
  return ours
    .filter(({ name }) => name === 'RunTask')
    .map(task => {
      const [wallMs, threadMs] = [(task.dur ?? 0) / 1_000, (task.tdur ?? task.dur ?? 0) / 1_000]
      return { wallMs, threadMs, of: wallMs > LONG_MS ? within(task, ours) : '' }
    })
    .sort((a, b) => b.threadMs - a.threadMs)
}

/** What took most of a task, by the clock. */
function within(task: TraceEvent, all: readonly TraceEvent[]): string {
  const end = task.ts + (task.dur ?? 0)
  return all
    .filter(({ name, ts, tid, dur = 0 }) => name !== 'RunTask' && tid === task.tid && ts >= task.ts && ts + dur <= end)
    .sort((a, b) => (b.dur ?? 0) - (a.dur ?? 0))
    .slice(0, 4)
    .map(({ name, dur = 0, args }) => `${name} ${args?.data?.functionName ?? ''} ${Math.round(dur / 1_000)}`)
    .join(', ')
}
