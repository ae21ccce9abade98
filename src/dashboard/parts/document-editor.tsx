/** Document editor: the raw document with line numbers, its problems at their lines and in words below.
 *  In: a text, problems by path. Out: what is typed. A text field like any other: the browser's own undo and selection stay. */
import { useRef } from 'preact/hooks'
import type { Problem } from '../api.ts'
import { lineOf } from '../store/draft.ts'
import { Mark } from './mark.tsx'

interface DocumentEditorProps {
  readonly text: string
  readonly broken: string | undefined
  readonly problems: readonly Problem[]
  readonly readOnly: boolean
  readonly type: (text: string) => void
}

const INVALID = { word: 'invalid', colour: 'bad', shape: 'exclamation' } as const
const LINE_PX = 18
const LEAST_LINES = 6

export function DocumentEditor({ text, broken, problems, readOnly, type }: DocumentEditorProps) {
  const gutter = useRef<HTMLDivElement>(null)
  const lines = text.split('\n')
  const at = new Map(problems.map(problem => [lineOf(text, problem.path) ?? -1, problem] as const))
  const high = { height: `${Math.max(LEAST_LINES, lines.length) * LINE_PX + 16}px` }
  return (
    <div class="editor">
      <div class="editor-box" style={high}>
        <div ref={gutter} class="gutter" aria-hidden="true">
          {lines.map((_, i) => (
            <div key={i} class={at.has(i) ? 'wrong' : undefined}>
              {i + 1}
            </div>
          ))}
        </div>
        <textarea
          class="code"
          aria-label="The document"
          aria-invalid={broken !== undefined || problems.length > 0}
          spellcheck={false}
          autocapitalize="off"
          wrap="off"
          value={text}
          readOnly={readOnly}
          onInput={event => type(event.currentTarget.value)}
          onKeyDown={event => {
            if (event.key !== 'Escape') event.stopPropagation()
          }}
        />
      </div>
      <div aria-live="polite">
        {broken !== undefined && (
          <p class="problem">
            <Mark status={INVALID} /> <span>This is not JSON yet: {broken}</span>
          </p>
        )}
        {problems.map(({ path, message }) => (
          <p key={path + message} class="problem">
            <Mark status={INVALID} />
            <span>
              {lineOf(text, path) !== undefined && `Line ${(lineOf(text, path) ?? 0) + 1}, `}
              {message.startsWith(path) ? message : `${path}: ${message}`}
            </span>
          </p>
        ))}
      </div>
    </div>
  )
}
