/** New job: a definition that begins with little, as a form and as its document, with its next runs while it is typed.
 *  Out: a job, or the server's problems beside its fields. The same line for mongosh stands beside it. */
import { useState } from 'preact/hooks'
import { go, pathOf } from '../address.ts'
import { ApiError, type Problem, post, wordsOf } from '../api.ts'
import { useKeys } from '../keys.ts'
import { Button, Link } from '../parts/controls.tsx'
import { usePreview } from '../parts/definition.tsx'
import { DocumentEditor } from '../parts/document-editor.tsx'
import { JobForm } from '../parts/job-form.tsx'
import { NextRuns } from '../parts/next-runs.tsx'
import type { Job, Preview } from '../shapes.ts'
import { begun, type Draft, withField, withText } from '../store/draft.ts'
import { useRights } from '../store/me.ts'
import { nodeOf, useNodes } from '../store/nodes.ts'
import { copy, say } from '../store/said.ts'
import { literal } from '../words/mongosh.ts'

export function NewView() {
  const { change } = useRights()
  const nodes = useNodes()
  const [draft, setDraft] = useState<Draft>(() => begun({ func: '', trigger: { type: 'interval', minutes: 5 } }))
  const [preview, setPreview] = useState<Preview | undefined>(undefined)
  const [refused, setRefused] = useState<readonly Problem[]>([])
  const ip = typeof draft.document.ip === 'string' ? draft.document.ip : undefined
  const nodeZone = nodeOf(ip)?.timezone
  usePreview(draft, undefined, nodeZone, setPreview)
  const problems = [...(preview?.problems ?? []), ...refused]
  const own = (draft.document.trigger as { readonly timezone?: unknown } | undefined)?.timezone
  const edit = (next: Draft) => {
    setDraft(next)
    setRefused([])
  }
  const add = async () => {
    try {
      const { _id } = await post<Job>('jobs', draft.document)
      say(`${_id} added.`)
      go(pathOf('jobs', _id))
    } catch (error) {
      if (error instanceof ApiError && error.problems.length > 0) setRefused(error.problems)
      else if (error instanceof ApiError && error.status === 409) setRefused([{ path: '_id', message: error.message }])
      else say(`Not added: ${wordsOf(error)}`, { failed: true })
    }
  }
  useKeys('New job', [
    { key: 'Ctrl+s', does: 'add it', always: true, run: () => void add() },
    { key: 'Escape', does: 'back to the list', run: () => go('/jobs') },
  ])
  const line = `db.jobs.insertOne(${literal(draft.document)})`
  if (!change) {
    return (
      <main class="job-view">
        <section class="empty">
          <h1>You may look, not add jobs.</h1>
          <p>
            <Link to="/jobs">To the jobs</Link>
          </p>
        </section>
      </main>
    )
  }
  return (
    <main class="job-view">
      <header class="job-top">
        <p class="crumbs">
          <Link to="/jobs">Jobs</Link> / new
        </p>
        <h1>New job</h1>
        <p class="words">{preview?.words ?? <span class="support">Say what it calls, and when.</span>}</p>
      </header>
      <div class="job-columns">
        <section class="panel definition" aria-labelledby="definition-head">
          <header class="panel-head">
            <h2 id="definition-head">Definition</h2>
          </header>
          <JobForm
            draft={draft}
            problems={problems}
            set={(path, value) => edit(withField(draft, path, value))}
            nodes={nodes}
            isNew
          />
          <p class="label editor-label">The document, as it will be written</p>
          <DocumentEditor
            text={draft.text}
            broken={draft.broken}
            problems={problems}
            readOnly={false}
            type={text => edit(withText(draft, text))}
          />
          <footer class="panel-foot save">
            <span class="grow" />
            <Button does={() => go('/jobs')}>Discard</Button>
            <Button kind="main" does={() => void add()} disabled={draft.broken !== undefined} shortcut="Control+S">
              Add the job
            </Button>
          </footer>
        </section>
        <div class="job-right">
          <NextRuns
            times={preview?.times}
            zone={typeof own === 'string' ? own : (nodeZone ?? 'UTC')}
            draft
            none="None: the trigger is not right yet."
          />
          <section class="panel">
            <header class="panel-head">
              <h2>The same in mongosh</h2>
              <span class="grow" />
              <Button does={() => void copy(line)}>Copy</Button>
            </header>
            <pre class="code">{line}</pre>
          </section>
        </div>
      </div>
    </main>
  )
}
