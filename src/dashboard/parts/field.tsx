/** Field: a label, what is typed into, and the problem beside it.
 *  In: the problems of a draft, of which it takes its own by path. Out: one sentence, and the mark on the control itself. */
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import type { Problem } from '../api.ts'
import { type Draft, problemsAt } from '../store/draft.ts'
import { Mark } from './mark.tsx'

export interface FormProps {
  readonly draft: Draft
  readonly problems: readonly Problem[]
  readonly set: (path: string, value: unknown) => void
}

const INVALID = { word: 'invalid', colour: 'bad', shape: 'exclamation' } as const

interface FieldProps {
  readonly label: string
  readonly path: string
  readonly problems: readonly Problem[]
  /** All problems given are its own. */
  readonly all?: boolean
  readonly children: (id: string, invalid: boolean) => ComponentChildren
}

export function Field({ label, path, problems, all = false, children }: FieldProps) {
  const id = useId()
  const own = all ? problems : problemsAt(problems, path)
  return (
    <div class={own.length > 0 ? 'form-row wrong' : 'form-row'}>
      <label for={id}>{label}</label>
      <div>
        {children(id, own.length > 0)}
        {own.slice(0, 1).map(problem => (
          <p key={problem.message} class="problem" role="alert">
            <Mark status={INVALID} />
            <span>{plain(problem)}</span>
          </p>
        ))}
      </div>
    </div>
  )
}

/** Beside its own field a problem need not name it. */
const plain = ({ path, message }: Problem): string =>
  message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message

interface TextProps {
  readonly id?: string
  readonly value: string
  readonly set: (value: string) => void
  readonly mono?: boolean
  readonly placeholder?: string
  readonly list?: string
  readonly label?: string
  readonly invalid?: boolean
}

export const Text = ({ id, value, set, mono = false, placeholder, list, label, invalid = false }: TextProps) => (
  <input
    id={id}
    type="text"
    class={mono ? 'mono' : undefined}
    aria-label={label}
    aria-invalid={invalid}
    value={value}
    list={list}
    placeholder={placeholder}
    spellcheck={false}
    autocomplete="off"
    autocapitalize="off"
    onInput={event => set(event.currentTarget.value)}
  />
)

export const Small = ({ id, value, set, placeholder, label, invalid = false }: TextProps) => (
  <input
    id={id}
    type="number"
    class="small"
    min="0"
    step="any"
    aria-label={label}
    aria-invalid={invalid}
    value={value}
    placeholder={placeholder}
    onInput={event => set(event.currentTarget.value)}
  />
)
