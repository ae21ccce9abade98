/** Flow state: whether what is seen is live, and when something last came. Said in one place, always in sight. */
import { useCell } from '../cell.ts'
import { useNow } from '../clock.ts'
import { flow, lastWord } from '../store/live.ts'
import { me } from '../store/me.ts'
import type { Status } from '../words/status.ts'
import { roughly } from '../words/time.ts'
import { Mark } from './mark.tsx'

const STATES = {
  live: { word: 'Live', colour: 'ok', shape: 'tick' },
  connecting: { word: 'Connecting', colour: 'now', shape: 'half' },
  reconnecting: { word: 'Reconnecting', colour: 'warn', shape: 'diamond-exclamation' },
  away: { word: 'Database away', colour: 'warn', shape: 'diamond-exclamation' },
} as const satisfies Readonly<Record<string, Status>>

export function FlowState({ short = false }: { readonly short?: boolean }) {
  const state = STATES[useCell(flow)]
  const last = useCell(lastWord)
  const who = useCell(me)
  const now = useNow()
  return (
    <p class="flow" role="status">
      <Mark status={state} />
      <strong>{state.word}</strong>
      {who?.readOnly === true && <span>read-only</span>}
      {short ? (
        who !== undefined && <span class="support">{who.role}</span>
      ) : (
        <>
          <span class="grow" />
          {last !== undefined && <span aria-hidden="true">changed {roughly(now - last)} ago</span>}
        </>
      )}
    </p>
  )
}
