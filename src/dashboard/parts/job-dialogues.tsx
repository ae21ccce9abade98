/** Job dialogues: what is asked before a job is paused, moved or made up for: a note, a node, a span.
 *  In: a job. Out: one act, or none. What will happen is said before it does. */
import { useEffect, useState } from 'preact/hooks'
import { at, post, wordsOf } from '../api.ts'
import { now } from '../clock.ts'
import { useKeys } from '../keys.ts'
import type { Job, Preview } from '../shapes.ts'
import { perform } from '../store/acts.ts'
import { useNodes } from '../store/nodes.ts'
import { say } from '../store/said.ts'
import { moveLine, updateLine } from '../words/mongosh.ts'
import { nodeStatusOf, takesJobs } from '../words/status.ts'
import { counted, exactly, READERS_ZONE, whenOf } from '../words/time.ts'
import { Button } from './controls.tsx'
import { Mark } from './mark.tsx'
import { Sheet } from './sheet.tsx'

interface DialogueProps {
  readonly job: Job
  readonly close: () => void
}

interface FootProps {
  readonly close: () => void
  readonly go: () => void
  readonly verb: string
  readonly undo: string
  readonly disabled?: boolean
}

function Foot({ close, go, verb, undo, disabled = false }: FootProps) {
  useKeys('Dialogue', [{ key: 'Enter', does: verb, always: true, run: () => !disabled && go() }])
  return (
    <>
      <span class="support grow">{undo}</span>
      <Button does={close} shortcut="Escape">
        Not now
      </Button>
      <Button kind="main" does={go} disabled={disabled} shortcut="Enter">
        {verb}
      </Button>
    </>
  )
}

export function PauseDialogue({ job, close }: DialogueProps) {
  const [note, setNote] = useState(job.note ?? '')
  const go = () => {
    close()
    void perform({ jobs: [job] }, { action: 'pause', ...(note !== '' && { note }) })
  }
  const foot = <Foot close={close} go={go} verb={`Pause ${job._id}`} undo="Can be undone with z" />
  return (
    <Sheet title={`Pause ${job._id}`} place="middle" close={close} foot={foot}>
      <p>It does not run until it is resumed. A run in progress finishes; what is missed is not made up.</p>
      <label class="field">
        <span class="label">Note: why, or whom to ask. It stands wherever the job does.</span>
        <input type="text" value={note} onInput={event => setNote(event.currentTarget.value)} />
      </label>
      <p class="label">The same in mongosh</p>
      <pre class="code small">{updateLine(job._id, { next_run_time: null, ...(note !== '' && { note }) })}</pre>
    </Sheet>
  )
}

export function MoveDialogue({ job, close }: DialogueProps) {
  const nodes = useNodes() ?? []
  const [ip, setIp] = useState(nodes.find(node => takesJobs(node) && node._id !== job.ip)?._id ?? '')
  const go = () => {
    close()
    void perform({ jobs: [job] }, { action: 'move', ip })
  }
  const foot = (
    <Foot
      close={close}
      go={go}
      verb={`Move to ${ip}`}
      undo="Can be undone with z"
      disabled={ip === '' || ip === job.ip}
    />
  )
  return (
    <Sheet
      title={`Move ${job._id}`}
      aside={job.ip === undefined ? 'it has no node' : `from ${job.ip}`}
      place="middle"
      close={close}
      foot={foot}
    >
      <fieldset class="choices">
        <legend class="label">To which node</legend>
        {nodes.map(node => (
          <label key={node._id} class={takesJobs(node) ? 'choice' : 'choice off'}>
            <input
              type="radio"
              name="ip"
              checked={ip === node._id}
              disabled={!takesJobs(node) || node._id === job.ip}
              onChange={() => setIp(node._id)}
            />
            <Mark status={nodeStatusOf(node)} />
            <span class="mono">{node._id}</span>
            <span class="support grow">
              {node._id === job.ip
                ? 'it is here'
                : takesJobs(node)
                  ? nodeStatusOf(node).word
                  : `${nodeStatusOf(node).word}: takes no jobs`}
            </span>
            <span class="support">{counted(node.jobs ?? 0, 'job')}</span>
          </label>
        ))}
      </fieldset>
      <p>
        Its next run stays
        {typeof job.next_run_time === 'string' ? ` ${whenOf(job.next_run_time, now())}` : ' as it is'}. A run in
        progress ends where it began.
      </p>
      <p class="label">The same in a shell</p>
      <pre class="code small">{moveLine(job._id, ip)}</pre>
    </Sheet>
  )
}

const HOUR_MS = 3_600_000
const SHOWN = 8
const MOST = 1_000

/** As `datetime-local` has it: the reader's wall clock. */
function localText(ms: number): string {
  const date = new Date(ms)
  const pad = (n: number) => String(n).padStart(2, '0')
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}`
}

/** Which times of the trigger lie in the span, by the server. */
function useSpan(job: Job, from: number, to: number, zone: string | undefined): readonly string[] | string | undefined {
  const [times, setTimes] = useState<readonly string[] | string | undefined>(undefined)
  useEffect(() => {
    let current = true
    setTimes(undefined)
    if (!(from <= to)) {
      setTimes('The end is to lie after the beginning.')
      return
    }
    const body = {
      trigger: job.trigger,
      after: new Date(from - 1).toISOString(),
      count: MOST,
      ...(zone !== undefined && { timezone: zone }),
    }
    post<Preview>('triggers/preview', body).then(
      found => current && setTimes(found.times.filter(time => Date.parse(time) <= to)),
      error => current && setTimes(wordsOf(error)),
    )
    return () => {
      current = false
    }
  }, [from, to])
  return times
}

export function BackfillDialogue({ job, close, zone }: DialogueProps & { readonly zone: string | undefined }) {
  const [from, setFrom] = useState(() => localText(now() - HOUR_MS))
  const [to, setTo] = useState(() => localText(now()))
  const times = useSpan(job, Date.parse(from), Date.parse(to), zone)
  const count = Array.isArray(times) ? times.length : 0
  const go = async () => {
    close()
    try {
      const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
      const { runs } = await post<{ runs: number }>(`${at('jobs', job._id)}/backfill`, span)
      say(`${counted(runs, 'run')} of ${job._id} ordered.`)
    } catch (error) {
      say(`Backfill: ${wordsOf(error)}`, { failed: true })
    }
  }
  const foot = (
    <Foot
      close={close}
      go={() => void go()}
      verb={`Order ${counted(count, 'run')}`}
      undo="Cannot be undone"
      disabled={count === 0}
    />
  )
  return (
    <Sheet title={`Backfill ${job._id}`} aside="preview, nothing has happened yet" close={close} foot={foot}>
      <p>The due times of a past span are run once more, beside the schedule.</p>
      <div class="span">
        <label class="field">
          <span class="label">From, {READERS_ZONE}</span>
          <input type="datetime-local" value={from} onInput={event => setFrom(event.currentTarget.value)} />
        </label>
        <label class="field">
          <span class="label">To</span>
          <input type="datetime-local" value={to} onInput={event => setTo(event.currentTarget.value)} />
        </label>
      </div>
      <div aria-live="polite">
        {times === undefined && <p class="support">Asking the server…</p>}
        {typeof times === 'string' && <p class="bad">{times}</p>}
        {Array.isArray(times) && (
          <>
            <p>
              <strong>{counted(times.length, 'run')}</strong>
              {times.length >= MOST && ', the most at once'}
            </p>
            <ol class="times">
              {times.slice(0, SHOWN).map(time => (
                <li key={time} title={exactly(time)}>
                  {whenOf(time, now())}
                </li>
              ))}
            </ol>
            {times.length > SHOWN && <p class="support">{times.length - SHOWN} more</p>}
          </>
        )}
      </div>
    </Sheet>
  )
}
