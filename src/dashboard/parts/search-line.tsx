/** Search line: the one field that finds jobs, with completion of its qualifiers.
 *  In: a search, and what is known for completing it. Out: a search, as it is typed. It is a combobox: arrows choose, Tab takes,
 *  Enter searches, Esc leaves. What it offers was seen in the database: nodes, their functions, tags of rows that are loaded. */
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { later } from '../clock.ts'
import { useKeys } from '../keys.ts'
import { type Completion, completions, type Known, taken } from '../store/completion.ts'
import { lineOf, type Search, searchOf } from '../store/search.ts'
import { Key } from './controls.tsx'
import { Mark } from './mark.tsx'

interface SearchLineProps {
  readonly search: Search
  readonly known: Known
  /** `1,284 of 10,000+ jobs`. */
  readonly found: string
  readonly set: (search: Search, entered: boolean) => void
}

const PAUSE_MS = 180

export function SearchLine({ search, known, found, set }: SearchLineProps) {
  const input = useRef<HTMLInputElement>(null)
  const list = useId()
  const [text, setText] = useState(lineOf(search))
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const options = open ? completions(text, known) : []

  // An address that changed by itself, by "back" or a link, is shown; what is being typed is left alone.
  const line = lineOf(search)
  useEffect(() => {
    if (lineOf(searchOf(text)) !== line) setText(line === '' ? '' : `${line} `)
  }, [line])
  useEffect(() => later(PAUSE_MS, () => lineOf(searchOf(text)) !== line && set(searchOf(text), false)), [text])

  useKeys('Search', [
    {
      key: '/',
      does: 'search',
      run: () => {
        input.current?.focus()
        input.current?.select()
      },
    },
  ])

  const type = (value: string) => {
    setText(value)
    setAt(-1)
    setOpen(true)
  }
  const take = (option: Completion) => {
    type(taken(text, option))
    setOpen(!option.whole)
    input.current?.focus()
  }
  const key = (event: KeyboardEvent) => {
    const chosen = options[at]
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0 && options.length > 0) setAt((at + step + options.length) % options.length)
    else if (event.key === 'Tab' && !event.shiftKey && open && options.length > 0)
      take(chosen ?? (options[0] as Completion))
    else if (event.key === 'Enter') {
      if (chosen === undefined) {
        setOpen(false)
        set(searchOf(text), true)
        input.current?.blur()
      } else take(chosen)
    } else if (event.key === 'Escape') {
      if (open && options.length > 0) setOpen(false)
      else input.current?.blur()
    } else return
    event.preventDefault()
    event.stopPropagation()
  }

  return (
    <search class="search">
      <svg class="glass" viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="6.7" cy="6.7" r="4.7" />
        <path d="m10.2 10.2 4 4" />
      </svg>
      <div class="search-field">
        <div class="search-tokens" aria-hidden="true">
          <Tokens text={text} />
        </div>
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label="Search jobs: words, or ip: status: tag: func:"
          aria-expanded={options.length > 0}
          aria-controls={list}
          aria-autocomplete="list"
          aria-activedescendant={at >= 0 ? `${list}-${at}` : undefined}
          aria-keyshortcuts="/"
          placeholder="Search: words, or ip: status: tag: func:"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          value={text}
          onInput={event => type(event.currentTarget.value)}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={key}
        />
      </div>
      <span class="search-found">{found}</span>
      <Key>/</Key>
      {options.length > 0 && <Options id={list} options={options} at={at} take={take} />}
    </search>
  )
}

/** What lies behind the field's own text: the ground of each qualifier. */
function Tokens({ text }: { readonly text: string }) {
  const parts = text.split(/((?:ip|status|tag|func):(?:"[^"]*"?|\S*))/)
  return <>{parts.map((part, i) => (i % 2 === 1 ? <mark key={`${i}${part}`}>{part}</mark> : part))}</>
}

interface OptionsProps {
  readonly id: string
  readonly options: readonly Completion[]
  readonly at: number
  readonly take: (option: Completion) => void
}

function Options({ id, options, at, take }: OptionsProps) {
  return (
    <div class="options">
      <div id={id} role="listbox" aria-label="Completions">
        {options.map((option, i) => (
          <div
            key={option.text}
            id={`${id}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === at}
            class="option"
            onPointerDown={event => {
              event.preventDefault()
              take(option)
            }}
          >
            {option.status === undefined ? <span class="mark" /> : <Mark status={option.status} />}
            <code>{option.text}</code>
            <span class="support">{option.means}</span>
            <span class="count">{option.count}</span>
          </div>
        ))}
      </div>
      <p class="options-foot support">
        <Key>Tab</Key> take it <Key>Enter</Key> search; also <code>ip: status: tag: func:</code> and plain words
      </p>
    </div>
  )
}
