/** Sheet: what comes in front of the page: from the side for previews, in the middle for questions.
 *  In: a title, a body, what to do when it closes. Out: a dialogue that holds the focus and gives it back; Esc closes it. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { Button } from './controls.tsx'

interface SheetProps {
  readonly title: string
  /** Beside the title. */
  readonly aside?: string
  readonly place?: 'side' | 'middle' | 'top'
  readonly close: () => void
  readonly foot?: ComponentChildren
  readonly children: ComponentChildren
  /** Without a head: the body brings its own. */
  readonly bare?: boolean
}

export function Sheet({ title, aside, place = 'side', close, foot, children, bare = false }: SheetProps) {
  const dialogue = useRef<HTMLDialogElement>(null)
  // At once: what is typed next belongs to it.
  useLayoutEffect(() => {
    const { current } = dialogue
    current?.showModal()
    return () => current?.close()
  }, [])
  return (
    <dialog
      ref={dialogue}
      class={`sheet ${place}`}
      aria-label={title}
      onCancel={event => {
        event.preventDefault()
        close()
      }}
      onPointerDown={event => {
        if (event.target === dialogue.current) close()
      }}
    >
      <div class="sheet-box">
        {!bare && (
          <header class="sheet-head">
            <h2>{title}</h2>
            {aside !== undefined && <span class="support">{aside}</span>}
            <Button kind="quiet" does={close} shortcut="Escape">
              <span class="unseen">Close</span>
            </Button>
          </header>
        )}
        <div class="sheet-body">{children}</div>
        {foot !== undefined && <footer class="sheet-foot">{foot}</footer>}
      </div>
    </dialog>
  )
}
