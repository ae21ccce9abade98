/** Palette: every place, job and act by a few letters.
 *  In: what is typed. Out: one of the offered lines is done. Jobs are found by the server, as in the search line. */
import { useEffect, useId, useState } from 'preact/hooks'
import { get } from '../api.ts'
import { later, useNow } from '../clock.ts'
import type { Job, Page } from '../shapes.ts'
import { type Command, commands, verbOf } from '../store/commands.ts'
import { useRights } from '../store/me.ts'
import { useNodes } from '../store/nodes.ts'
import { Key } from './controls.tsx'
import { Mark } from './mark.tsx'
import { Sheet } from './sheet.tsx'

const PAUSE_MS = 120

export function Palette({ close }: { readonly close: () => void }) {
  const id = useId()
  const [line, setLine] = useState('')
  const [at, setAt] = useState(0)
  const [jobs, setJobs] = useState<readonly Job[]>([])
  const { words } = verbOf(line)
  const around = { nodes: useNodes(), rights: useRights(), jobs, now: useNow() }
  const offers = commands(line, around)

  useEffect(() => {
    let current = true
    const stop = later(PAUSE_MS, () => {
      const query = { limit: 8, sort: '_id', ...(words !== '' && { search: words }) }
      get<Page<Job>>('jobs', query).then(
        ({ items }) => current && setJobs(items),
        () => undefined,
      )
    })
    return () => {
      current = false
      stop()
    }
  }, [words])

  const choose = (command: Command | undefined) => {
    if (command === undefined) return
    close()
    command.run()
  }
  const key = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0) setAt(before => (before + step + offers.length) % Math.max(1, offers.length))
    else if (event.key === 'Enter') choose(offers[at])
    else if (event.key === 'Tab') setLine(filled(line, offers[at]))
    else return
    event.preventDefault()
  }
  return (
    <Sheet title="Commands" place="top" close={close} bare>
      <div class="palette-line">
        <svg class="glass" viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="6.7" cy="6.7" r="4.7" />
          <path d="m10.2 10.2 4 4" />
        </svg>
        <input
          type="text"
          role="combobox"
          aria-label="Command, place or job"
          aria-expanded={offers.length > 0}
          aria-controls={id}
          aria-activedescendant={offers.length > 0 ? `${id}-${at}` : undefined}
          placeholder="A place, a job, or a verb: move, pause, resume, run"
          spellcheck={false}
          autocomplete="off"
          value={line}
          onInput={event => {
            setLine(event.currentTarget.value)
            setAt(0)
          }}
          onKeyDown={key}
        />
        <Key>Esc</Key>
      </div>
      <div id={id} class="palette-list" role="listbox" aria-label="Commands">
        {offers.map((offer, i) => (
          <Line
            key={`${offer.group}${offer.text}`}
            id={`${id}-${i}`}
            offer={offer}
            before={offers[i - 1]}
            on={i === at}
            choose={choose}
          />
        ))}
        {offers.length === 0 && <p class="support">Nothing of that name.</p>}
      </div>
      <p class="palette-foot label">
        <Key>↑ ↓</Key> choose <Key>Tab</Key> fill in <Key>Enter</Key> do
      </p>
    </Sheet>
  )
}

/** A verb stays where one was typed. */
function filled(line: string, command: Command | undefined): string {
  if (command === undefined) return line
  const { verb } = verbOf(line)
  const name = command.group === 'Do' ? (command.text.split(' ')[1] ?? '') : command.text
  return verb === undefined ? command.text : `${verb} ${name} `
}

interface LineProps {
  readonly id: string
  readonly offer: Command
  readonly before: Command | undefined
  readonly on: boolean
  readonly choose: (command: Command) => void
}

function Line({ id, offer, before, on, choose }: LineProps) {
  return (
    <>
      {offer.group !== before?.group && <h3 class="label">{offer.group}</h3>}
      <div
        id={id}
        role="option"
        tabIndex={-1}
        aria-selected={on}
        class="option"
        ref={line => {
          if (on) line?.scrollIntoView({ block: 'nearest' })
        }}
        onPointerUp={() => choose(offer)}
      >
        {offer.status === undefined ? <span class="mark" /> : <Mark status={offer.status} />}
        <span>{offer.text}</span>
        <span class="support clip grow">{offer.about}</span>
        {offer.key !== undefined && <Key>{offer.key}</Key>}
      </div>
    </>
  )
}
