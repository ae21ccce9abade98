/** Bulk bar: what can be done with the chosen jobs, docked below the list, never over its rows.
 *  In: what is chosen. Out: a preview of the act, from the server, and then the act. The button carries verb and number; what cannot
 *  be undone says so beforehand. */
import { useEffect, useState } from 'preact/hooks'
import { wordsOf } from '../api.ts'
import { useKeys } from '../keys.ts'
import type { BulkAction, BulkAnswer, Job, Node } from '../shapes.ts'
import { type Act, type Chosen, perform, preview, UNDOABLE, VERBS } from '../store/acts.ts'
import { useRights } from '../store/me.ts'
import { useNodes } from '../store/nodes.ts'
import { takesJobs } from '../words/status.ts'
import { counted, grouped } from '../words/time.ts'
import { Button } from './controls.tsx'

interface BulkBarProps {
  readonly chosen: Chosen
  /** How many match the search; undefined while that is not known. */
  readonly matching: string | undefined
  readonly action: BulkAction | undefined
  readonly setAction: (action: BulkAction | undefined) => void
  readonly all: () => void
  readonly clear: () => void
}

/** So many are named. */
const SHOWN = 4
const ACTIONS: readonly { readonly action: BulkAction; readonly words: string; readonly key: string }[] = [
  { action: 'pause', words: 'Pause', key: 'p' },
  { action: 'resume', words: 'Resume', key: 'u' },
  { action: 'run', words: 'Run now', key: 'r' },
  { action: 'move', words: 'Move', key: 'm' },
  { action: 'remove', words: 'Remove', key: 'Delete' },
]

export function BulkBar({ chosen, matching, action, setAction, all, clear }: BulkBarProps) {
  const { change } = useRights()
  const count = 'jobs' in chosen ? grouped(chosen.jobs.length) : `${grouped(chosen.count)}${chosen.exact ? '' : '+'}`
  return (
    <section class="bulk" aria-label="Selected jobs">
      <div class="bulk-line">
        <strong>{count} selected</strong>
        {'jobs' in chosen && matching !== undefined && (
          <span>
            or{' '}
            <Button kind="link" does={all} shortcut="a">
              all {matching} that match
            </Button>
          </span>
        )}
        <span class="grow" />
        {ACTIONS.filter(one => one.action !== 'remove' || change).map(one => (
          <Button
            key={one.action}
            does={() => setAction(action === one.action ? undefined : one.action)}
            pressed={action === one.action}
            shortcut={one.key}
          >
            {one.words}
          </Button>
        ))}
        <Button kind="quiet" does={clear} shortcut="Escape">
          Clear
        </Button>
      </div>
      {action !== undefined && <Preview key={action} chosen={chosen} action={action} done={clear} />}
    </section>
  )
}

interface PreviewProps {
  readonly chosen: Chosen
  readonly action: BulkAction
  readonly done: () => void
}

function Preview({ chosen, action, done }: PreviewProps) {
  const takers = (useNodes() ?? []).filter(takesJobs)
  const [ip, setIp] = useState(() => targetOf(chosen, takers))
  const [note, setNote] = useState('')
  const [answer, setAnswer] = useState<BulkAnswer | string | undefined>(undefined)
  const act: Act = { action, ...(action === 'move' && { ip }), ...(action === 'pause' && note !== '' && { note }) }
  const which = 'jobs' in chosen ? chosen.jobs.map(({ _id }) => _id).join('\n') : JSON.stringify(chosen.all)
  useEffect(() => {
    let current = true
    setAnswer(undefined)
    preview(chosen, act).then(
      found => current && setAnswer(found),
      error => current && setAnswer(wordsOf(error)),
    )
    return () => {
      current = false
    }
  }, [which, ip])

  const ready = typeof answer === 'object' && answer.changed > 0
  const go = async () => {
    if (ready && (await perform(chosen, act))) done()
  }
  useKeys('Preview', [{ key: 'Enter', does: `${VERBS[action].verb.toLowerCase()} them`, run: () => void go() }])
  const number = typeof answer === 'object' ? counted(answer.changed, 'job') : '…'
  return (
    <div class="bulk-preview">
      {action === 'move' && (
        <label class="field">
          <span class="label">Move to</span>
          <select value={ip} onChange={event => setIp(event.currentTarget.value)}>
            {takers.map(node => (
              <option key={node._id} value={node._id}>
                {node._id} ({counted(node.jobs ?? 0, 'job')})
              </option>
            ))}
          </select>
        </label>
      )}
      {action === 'pause' && (
        <label class="field">
          <span class="label">Note</span>
          <input
            type="text"
            value={note}
            placeholder="why, or whom to ask"
            onInput={event => setNote(event.currentTarget.value)}
          />
        </label>
      )}
      <div class="grow" aria-live="polite">
        <span class="label">What will happen</span>
        <Outcome action={action} answer={answer} names={changing(chosen, act)} />
      </div>
      <div class="bulk-go">
        <Button kind={action === 'remove' ? 'grave' : 'main'} does={() => void go()} disabled={!ready} shortcut="Enter">
          {VERBS[action].verb} {number}
        </Button>
        <span class="label">{undoWords(chosen, action)}</span>
      </div>
    </div>
  )
}

function undoWords(chosen: Chosen, action: BulkAction): string {
  if (!UNDOABLE.has(action)) return 'cannot be undone'
  return 'jobs' in chosen ? 'can be undone with z' : 'cannot be undone: what was before is not known of all'
}

/** Most of them would change their node. */
function targetOf(chosen: Chosen, takers: readonly Node[]): string {
  const jobs = 'jobs' in chosen ? chosen.jobs : []
  const held = (node: Node) => jobs.filter(({ ip }) => ip === node._id).length
  const [best] = [...takers].sort((a, b) => held(a) - held(b) || (a.jobs ?? 0) - (b.jobs ?? 0))
  return best?._id ?? ''
}

const FATE: Readonly<Record<BulkAction, { readonly goes: string; readonly stays: string; readonly more: string }>> = {
  pause: { goes: 'pause', stays: 'are paused already', more: 'Runs in progress finish.' },
  resume: { goes: 'resume from now on', stays: 'are not paused', more: 'What was missed in the pause is not made up.' },
  run: { goes: 'run once more, now', stays: 'do not run', more: 'Their schedules stay.' },
  move: {
    goes: 'move and keep their next run times',
    stays: 'are there already',
    more: 'A run in progress ends where it began.',
  },
  remove: { goes: 'go', stays: 'stay', more: 'Their history is kept for its time. Runs in progress finish.' },
  cancel: { goes: 'have their runs aborted', stays: 'have no run', more: '' },
}

/** Of the chosen, those that the act would change, as they are seen here. */
function changing(chosen: Chosen, { action, ip }: Act): readonly string[] {
  if (!('jobs' in chosen)) return []
  const changes = (job: Job) => {
    if (action === 'move') return job.ip !== ip
    if (action === 'pause' || action === 'resume') return (job.next_run_time === null) === (action === 'resume')
    return true
  }
  return chosen.jobs.filter(changes).map(({ _id }) => _id)
}

interface OutcomeProps {
  readonly action: BulkAction
  readonly answer: BulkAnswer | string | undefined
  readonly names: readonly string[]
}

function Outcome({ action, answer, names }: OutcomeProps) {
  if (answer === undefined) return <p class="support">Asking the server…</p>
  if (typeof answer === 'string') return <p class="bad">{answer}</p>
  const { goes, stays, more } = FATE[action]
  const { matched, changed, failed } = answer
  const left = matched - changed - failed.length
  return (
    <>
      <p>
        <strong>{grouped(changed)}</strong> {goes}
        {names.length > 0 && names.length === changed && (
          <>
            : <code>{names.slice(0, SHOWN).join(', ')}</code>
            {names.length > SHOWN && ' …'}
          </>
        )}
      </p>
      <p class="support">
        {left > 0 && (
          <>
            <strong>{grouped(left)}</strong> {stays}.{' '}
          </>
        )}
        {failed[0] !== undefined && (
          <span class="bad">
            {grouped(failed.length)} cannot: {failed[0].message}{' '}
          </span>
        )}
        {changed > 0 && more}
      </p>
    </>
  )
}
