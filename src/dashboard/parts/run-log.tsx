/** Run log: what a run said, what it gave back, how it broke.
 *  In: a run's id. Out: its log line by line, live while it goes on, then its result, its error and its traceback.
 *  A run of less than a second has no row before its end: until then the page says that it goes on, and no more. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { at, get, wordsOf } from '../api.ts'
import { every } from '../clock.ts'
import type { Run } from '../shapes.ts'

const LIVE_MS = 1_000

/** The run, read again each second while it goes on. */
export function useRun(
  id: string,
  status?: string,
): { readonly run: Run | undefined; readonly error: string | undefined } {
  const [run, setRun] = useState<Run | undefined>(undefined)
  const [error, setError] = useState<string | undefined>(undefined)
  const going = run === undefined || run.status === 'started'
  useEffect(() => {
    let current = true
    const read = () =>
      get<Run>(at('runs', id)).then(
        found => {
          if (!current) return
          setRun(found)
          setError(undefined)
        },
        failure => current && setError(wordsOf(failure)),
      )
    void read()
    const stop = going ? every(LIVE_MS, () => void read()) : () => {}
    return () => {
      current = false
      stop()
    }
  }, [id, going, status])
  return { run, error }
}

export function RunLog({ id, status }: { readonly id: string; readonly status?: string }) {
  const { run, error } = useRun(id, status)
  if (run === undefined) return <div class="run-log">{error === undefined ? 'Reading…' : error}</div>
  return <RunWords run={run} />
}

export function RunWords({ run }: { readonly run: Run }) {
  const end = useRef<HTMLDivElement>(null)
  const going = run.status === 'started'
  useEffect(() => {
    if (going) end.current?.scrollIntoView({ block: 'nearest' })
  }, [run.log, going])
  const lines = run.log?.split('\n').filter(line => line !== '') ?? []
  return (
    <div class="run-log">
      {lines.map((line, i) => (
        <LogLine key={`${i}${line}`} line={line} />
      ))}
      {going && <div ref={end} class="going" role="status" aria-label="The run goes on" />}
      {lines.length === 0 && !run.exception && (
        <p class="label">{going ? 'It goes on, and has said nothing.' : 'It said nothing.'}</p>
      )}
      {run.exception && <pre class="bad">{traceOf(run)}</pre>}
      {run.result !== null && run.result !== undefined && (
        <pre>
          <span class="label">result </span>
          {JSON.stringify(run.result, null, 2)}
        </pre>
      )}
      {run.result_truncated && <p class="label">The result was too large to keep, or is not JSON.</p>}
    </div>
  )
}

/** The traceback begins with the exception, where there is one. */
const traceOf = ({ exception, traceback }: Run): string =>
  !traceback ? (exception ?? '') : traceback.includes(exception ?? '') ? traceback : `${exception}\n${traceback}`

const LEVEL = /\b(warn|error|fatal)\b/i

/** Lines as the node's logger writes them: JSON, or plain text. */
function LogLine({ line }: { readonly line: string }) {
  const said = parsed(line)
  if (said === undefined) return <pre class={LEVEL.test(line) ? 'loud' : undefined}>{line}</pre>
  return (
    <pre class={said.loud ? 'loud' : undefined}>
      {said.time !== undefined && <span class="label">{said.time} </span>}
      {said.level !== undefined && <strong>{said.level} </strong>}
      {said.text}
    </pre>
  )
}

const LEVELS: Readonly<Record<number, string>> = { 40: 'warn', 50: 'error', 60: 'fatal' }

function parsed(line: string) {
  if (!line.startsWith('{')) return undefined
  try {
    const { level, time, msg, ...more } = JSON.parse(line) as Record<string, unknown>
    const date = typeof time === 'number' || typeof time === 'string' ? new Date(time) : undefined
    const { pid: _, hostname: __, job_id: ___, run_id: ____, ip: _____, ...own } = more
    const rest = Object.keys(own).length === 0 ? '' : ` ${JSON.stringify(own)}`
    return {
      time: date === undefined || Number.isNaN(date.getTime()) ? undefined : date.toLocaleTimeString('en-GB'),
      level: LEVELS[Number(level)],
      loud: Number(level) >= 40,
      text: `${typeof msg === 'string' ? msg : ''}${rest}`,
    }
  } catch {
    return undefined
  }
}
