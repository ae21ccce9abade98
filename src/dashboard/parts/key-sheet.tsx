/** Key sheet: every key that does something here and now. It is made of the bindings themselves, so it cannot be wrong. */
import { bound, useKeys } from '../keys.ts'
import { Key } from './controls.tsx'
import { Sheet } from './sheet.tsx'

const NAMES: Readonly<Record<string, string>> = {
  ArrowDown: '↓',
  ArrowUp: '↑',
  ArrowLeft: '←',
  ArrowRight: '→',
  Escape: 'Esc',
  Delete: 'Del',
}

const shown = (key: string): string =>
  key
    .split('+')
    .map(part => NAMES[part] ?? part)
    .join(' ')

export function KeySheet({ close }: { readonly close: () => void }) {
  const groups = new Map<string, Map<string, string[]>>()
  for (const { title, bindings } of bound()) {
    const group = groups.get(title) ?? new Map<string, string[]>()
    for (const { key, does } of bindings) group.set(does, [...new Set([...(group.get(does) ?? []), key])])
    groups.set(title, group)
  }
  useKeys('Dialogue', [{ key: '?', does: 'close', run: close }])
  return (
    <Sheet title="Keys" place="middle" close={close}>
      <div class="key-sheet">
        {[...groups].map(([title, group]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {[...group].map(([does, keys]) => (
                <div key={does}>
                  <dt>
                    {keys.map(key => (
                      <Key key={key}>{shown(key)}</Key>
                    ))}
                    <span class="unseen">{keys.join(' or ')}</span>
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Sheet>
  )
}
