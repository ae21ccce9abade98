/** Controls: links, buttons and the keys that do the same, so that each looks and behaves alike everywhere. */
import type { ComponentChildren } from 'preact'
import { go } from '../address.ts'
import { below } from '../base-path.ts'

/** The key that does it. Hidden from screen readers, which hear it by `aria-keyshortcuts`. */
export function Key({ children }: { readonly children: ComponentChildren }) {
  // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing that takes the focus stands in a key.
  return <kbd aria-hidden="true">{children}</kbd>
}

interface LinkProps {
  /** A place of the page, as `/jobs`. */
  readonly to: string
  readonly class?: string | undefined
  readonly title?: string
  readonly current?: boolean
  readonly label?: string
  readonly children: ComponentChildren
}

/** A link that stays a link: it can be opened in a tab, copied, and followed without a reload. */
export function Link({ to, current, label, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    go(to)
  }
  return (
    <a
      href={below(to)}
      onClick={follow}
      draggable={false}
      aria-current={current ? 'page' : undefined}
      aria-label={label}
      {...rest}
    >
      {children}
    </a>
  )
}

const SHOWN: Readonly<Record<string, string>> = { Escape: 'Esc', Delete: 'Del', 'Control+S': 'Ctrl S' }

/** As it stands on a keyboard. */
const keyWords = (shortcut: string): string => SHOWN[shortcut] ?? shortcut

interface ButtonProps {
  readonly does: () => void
  /** The key that does the same, as `aria-keyshortcuts` has it. */
  readonly shortcut?: string
  readonly kind?: 'plain' | 'main' | 'grave' | 'quiet' | 'link'
  readonly pressed?: boolean
  readonly disabled?: boolean
  readonly label?: string
  readonly title?: string
  readonly children: ComponentChildren
}

export function Button({ does, shortcut, kind = 'plain', pressed, disabled, label, title, children }: ButtonProps) {
  return (
    <button
      type="button"
      class={`button ${kind}`}
      onClick={does}
      disabled={disabled}
      aria-pressed={pressed}
      aria-label={label}
      title={title}
      aria-keyshortcuts={shortcut}
    >
      {children}
      {shortcut !== undefined && <Key>{keyWords(shortcut)}</Key>}
    </button>
  )
}
