/** Conflict: two edits of one document, side by side, field by field.
 *  In: what both began from, mine, theirs. Out: mine is written over theirs, or mine is dropped. Fields that only they changed are
 *  kept either way. */
import { changedOf, type Document } from '../store/draft.ts'
import { Button } from './controls.tsx'

export interface Theirs {
  readonly document: Document
  readonly etag: string | null
}

interface ConflictProps {
  readonly base: Document
  readonly mine: Document
  readonly theirs: Theirs
  readonly keepMine: () => void
  readonly takeTheirs: () => void
}

const shown = (value: unknown): string => (value === undefined ? '(none)' : JSON.stringify(value, null, 1))

export function Conflict({ base, mine, theirs, keepMine, takeTheirs }: ConflictProps) {
  const fields = [
    ...new Set([...changedOf({ base, document: mine }), ...changedOf({ base, document: theirs.document })]),
  ]
  return (
    <section class="conflict" aria-label="Changed elsewhere" role="alert">
      <h3>It was changed elsewhere while you edited. Nothing is written yet.</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Yours</th>
            <th scope="col">Theirs, as it is now</th>
          </tr>
        </thead>
        <tbody>
          {fields.map(field => (
            <tr key={field}>
              <th scope="row">
                <code>{field}</code>
              </th>
              <td>
                <code>{shown(mine[field])}</code>
              </td>
              <td>
                <code>{shown(theirs.document[field])}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="save">
        <span class="grow label">Yours overwrites the fields that you changed, and no others.</span>
        <Button does={takeTheirs}>Take theirs</Button>
        <Button kind="main" does={keepMine}>
          Save yours
        </Button>
      </p>
    </section>
  )
}
