/** Notices: what was just done or refused, and the same in a live region for those who do not see it. */
import { useCell } from '../cell.ts'
import { announced, close, notices } from '../store/said.ts'
import { undo } from '../store/undo.ts'
import { Button } from './controls.tsx'

export function Notices() {
  const all = useCell(notices)
  const text = useCell(announced)
  return (
    <>
      <div class="unseen" role="status" aria-live="assertive">
        {text}
      </div>
      <div class="notices">
        {all.map(notice => (
          <div key={notice.id} class={notice.failed ? 'notice failed' : 'notice'}>
            <span class="grow">{notice.text}</span>
            {notice.undoable && (
              <Button
                kind="link"
                shortcut="z"
                does={() => {
                  close(notice.id)
                  void undo()
                }}
              >
                Undo
              </Button>
            )}
            <Button kind="quiet" label="Close" does={() => close(notice.id)}>
              ×
            </Button>
          </div>
        ))}
      </div>
    </>
  )
}
