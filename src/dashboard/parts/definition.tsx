/** Definition: what a job is, as a form and as its document, with the server's problems beside each.
 *  In: the document as it is, and its ETag. Out: an edit, saved only on what was seen; where somebody was faster, both are shown.
 *  While typing, the server says what the trigger would mean; nothing is written before "Save". */
import { useEffect, useRef, useState } from 'preact/hooks'
import { address } from '../address.ts'
import { ApiError, ask, at, type Problem, post, wordsOf } from '../api.ts'
import { later } from '../clock.ts'
import { useKeys } from '../keys.ts'
import type { Job, Preview, Trigger } from '../shapes.ts'
import {
  begun,
  changedOf,
  type Document,
  type Draft,
  documentOf,
  merged,
  requestOf,
  withField,
  withText,
} from '../store/draft.ts'
import { useNodes } from '../store/nodes.ts'
import { say } from '../store/said.ts'
import { remember } from '../store/undo.ts'
import { counted } from '../words/time.ts'
import { Conflict, type Theirs } from './conflict.tsx'
import { Button } from './controls.tsx'
import { DocumentEditor } from './document-editor.tsx'
import { JobForm } from './job-form.tsx'

interface DefinitionProps {
  readonly job: Job
  readonly etag: string | null
  /** The document may be changed. */
  readonly change: boolean
  /** What the trigger would mean while it is edited; undefined: it is as it was. */
  readonly previewed: (preview: Preview | undefined) => void
  readonly saved: () => void
  /** The zone of triggers that name none. */
  readonly zone: string | undefined
}

const PAUSE_MS = 150

const toForm = (): void => document.querySelector<HTMLElement>('.definition input')?.focus()

export function Definition({ job, etag, change, previewed, saved, zone }: DefinitionProps) {
  const nodes = useNodes()
  const [draft, setDraft] = useState<Draft>(() => begun(documentOf(job)))
  const [from, setFrom] = useState(etag)
  const [refused, setRefused] = useState<readonly Problem[]>([])
  const [theirs, setTheirs] = useState<Theirs | undefined>(undefined)
  const changed = changedOf(draft)
  const dirty = changed.length > 0 || draft.broken !== undefined
  const preview = usePreview(draft, job.trigger, zone, previewed)
  const problems = [...(preview?.problems ?? []), ...refused]
  const text = JSON.stringify(documentOf(job))

  // Where nothing was edited, the definition follows the document.
  useEffect(() => {
    if (dirty) return
    setDraft(begun(documentOf(job)))
    setFrom(etag)
  }, [text, etag])

  const edit = (next: Draft) => {
    setDraft(next)
    setRefused([])
  }
  const discard = () => {
    edit(begun(documentOf(job)))
    setFrom(etag)
    setTheirs(undefined)
  }
  const save = async (over: string | null = from, wanted: Draft = draft) => {
    if (wanted.broken !== undefined || changedOf(wanted).length === 0) return
    try {
      const { etag: now } = await ask<Job>(at('jobs', job._id), { ...requestOf(wanted), ifMatch: over })
      remember({ what: `Edit of ${job._id}`, back: () => putBack(job._id, wanted, now) })
      say(`${job._id} saved: ${changedOf(wanted).join(', ')}.`, { undoable: true })
      setDraft(begun(wanted.document))
      setFrom(now)
      setTheirs(undefined)
      saved()
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) await showBoth()
      else if (error instanceof ApiError && error.problems.length > 0) setRefused(error.problems)
      else say(`Not saved: ${wordsOf(error)}`, { failed: true })
    }
  }
  const showBoth = async () => {
    const { body, etag: now } = await ask<Job>(at('jobs', job._id))
    setTheirs({ document: documentOf(body), etag: now })
  }
  useKeys('Definition', [
    ...(change
      ? [
          { key: 'Ctrl+s', does: 'save', always: true, run: () => void save() },
          { key: 'e', does: 'edit', run: toForm },
        ]
      : []),
  ])
  // `?edit`: whoever came to edit stands in the first field.
  useEffect(() => {
    if (change && address.value.query.has('edit')) toForm()
  }, [change])
  const elsewhere = dirty && text !== JSON.stringify(draft.base)
  return (
    <section class="panel definition" aria-labelledby="definition-head">
      <header class="panel-head">
        <h2 id="definition-head">Definition</h2>
        {changed.length > 0 && <span class="hand-text">{counted(changed.length, 'change')}, not saved</span>}
        {!change && <span class="label">you may look and copy</span>}
      </header>
      {change && (
        <JobForm
          draft={draft}
          problems={problems}
          set={(path, value) => edit(withField(draft, path, value))}
          nodes={nodes}
          isNew={false}
        />
      )}
      <p class="label editor-label">{dirty ? 'The document, as it will be written' : 'The document'}</p>
      <DocumentEditor
        text={draft.text}
        broken={draft.broken}
        problems={problems}
        readOnly={!change}
        type={typed => edit(withText(draft, typed))}
      />
      {theirs !== undefined && (
        <Conflict
          base={draft.base}
          mine={draft.document}
          theirs={theirs}
          keepMine={() => void save(theirs.etag, merged(draft, theirs.document))}
          takeTheirs={discard}
        />
      )}
      {change && dirty && (
        <footer class="panel-foot save">
          <span class="label grow">
            {elsewhere ? 'It was changed elsewhere meanwhile: both are shown before saving.' : ''}
          </span>
          <Button does={discard}>Discard</Button>
          <Button
            kind="main"
            does={() => void save()}
            disabled={draft.broken !== undefined || problems.length > 0}
            shortcut="Control+S"
          >
            Save
          </Button>
        </footer>
      )}
    </section>
  )
}

/** What the server says of the trigger as it is typed. */
export function usePreview(
  draft: Draft,
  saved: Trigger | undefined,
  zone: string | undefined,
  tell: (preview: Preview | undefined) => void,
): Preview | undefined {
  const [preview, setPreview] = useState<Preview | undefined>(undefined)
  const { trigger } = draft.document
  const text = JSON.stringify(trigger)
  const same = text === JSON.stringify(saved)
  const telling = useRef(tell)
  telling.current = tell
  useEffect(() => {
    let current = true
    const set = (found: Preview | undefined) => {
      if (!current) return
      setPreview(found)
      telling.current(found)
    }
    if (same) {
      set(undefined)
      return
    }
    const body = { trigger: trigger ?? null, count: 10, ...(zone !== undefined && { timezone: zone }) }
    const stop = later(PAUSE_MS, () => {
      post<Preview>('triggers/preview', body).then(set, (error: unknown) => {
        const problems =
          error instanceof ApiError && error.problems.length > 0
            ? error.problems
            : [{ path: 'trigger', message: wordsOf(error) }]
        set({ words: null, times: [], problems })
      })
    })
    return () => {
      current = false
      stop()
    }
  }, [text, same, zone])
  return preview
}

/** Only what this edit changed, and only where nobody edited since. */
async function putBack(id: string, { base, document }: Draft, etag: string | null): Promise<string | undefined> {
  const back: Draft = { base: document, document: base as Document, text: '', broken: undefined }
  try {
    await ask(at('jobs', id), { ...requestOf(back), ifMatch: etag })
    return undefined
  } catch (error) {
    if (error instanceof ApiError && error.status === 412) return 'it was changed since, and stays as it is'
    throw error
  }
}
