/** Menu: a box of choices behind a button.
 *  In: what the button says, what stands in the box. Out: it opens on a click and goes when one leaves it, presses Esc, or has chosen;
 *  `stays` where several things are chosen in turn. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

interface MenuProps {
  readonly head: ComponentChildren
  /** For who does not see the head. */
  readonly label?: string
  readonly stays?: boolean
  readonly children: ComponentChildren
}

export function Menu({ head, label, stays = false, children }: MenuProps) {
  const box = useRef<HTMLDetailsElement>(null)
  const close = () => {
    if (box.current !== null) box.current.open = false
  }
  useEffect(() => {
    const press = ({ target }: PointerEvent) => {
      if (!box.current?.contains(target as Element)) close()
    }
    addEventListener('pointerdown', press)
    return () => removeEventListener('pointerdown', press)
  }, [])
  return (
    <details
      ref={box}
      class="menu"
      onFocusOut={event => {
        const next = event.relatedTarget as Element | null
        if (next !== null && !box.current?.contains(next)) close()
      }}
      onKeyDown={event => {
        if (event.key !== 'Escape' || box.current?.open !== true) return
        event.preventDefault()
        close()
        box.current.querySelector('summary')?.focus()
      }}
      onClick={event => {
        if (!stays && (event.target as Element).closest('button') !== null) close()
      }}
    >
      <summary aria-label={label}>{head}</summary>
      <div class="menu-box">{children}</div>
    </details>
  )
}
