/** First job: what the list shows while there is no job: how to insert one.
 *  In: the nodes. Out: a line for mongosh that works here, with a node and a function that are really there, and what to try next. */

import { useCell } from '../cell.ts'
import { useNow } from '../clock.ts'
import { useKeys } from '../keys.ts'
import { flow } from '../store/live.ts'
import { useRights } from '../store/me.ts'
import { copy } from '../store/said.ts'
import { type Nodes, nodeStatusOf, takesJobs } from '../words/status.ts'
import { clockOf, counted } from '../words/time.ts'
import { Button, Link } from './controls.tsx'
import { Mark } from './mark.tsx'

const EVERY_S = 10

export function FirstJob({ nodes = [] }: { readonly nodes: Nodes }) {
  const { change } = useRights()
  const now = useNow()
  const live = useCell(flow) === 'live'
  const takers = nodes.filter(takesJobs)
  const tasks = [...new Set(takers.flatMap(({ tasks: known }) => known ?? []))]
  const ip = takers[0]?._id
  const func = tasks[0] ?? 'tasks:hello'
  const insert = [
    'db.jobs.insertOne({',
    '  _id: "hello",',
    `  func: ${JSON.stringify(func)},`,
    `  trigger: { type: "interval", seconds: ${EVERY_S} }${ip === undefined ? '' : ','}`,
    ...(ip === undefined ? [] : [`  ip: ${JSON.stringify(ip)}`]),
    '})',
  ].join('\n')
  const take = () => void copy(insert)
  useKeys('First job', [{ key: 'c', does: 'copy the mongosh line', run: take }])
  const times = [1, 2, 3].map(n => clockOf(now + n * EVERY_S * 1_000)).join(', ')
  const other = takers[1]?._id ?? ip ?? 'another-node'
  return (
    <section class="first">
      <h2>No jobs yet. Insert one.</h2>
      <p class="support">
        A job is a document. Paste this into mongosh and keep this page in sight: it does not need a reload.
      </p>
      <div class="panel">
        <header class="panel-head">
          <h3>mongosh</h3>
          <span class="grow" />
          <Button does={take} shortcut="c">
            Copy
          </Button>
        </header>
        <pre class="code">{insert}</pre>
        <dl class="first-words">
          <dt>ip</dt>
          <dd>
            the node that runs it. Leave it out and a living node takes the job
            {takers.length > 0
              ? `: ${takers.map(({ _id }) => _id).join(' and ')} listening.`
              : '. None is listening now: tidewheel start.'}
          </dd>
          <dt>func</dt>
          <dd>
            a function the node knows{tasks.length > 0 && '. Here: '}
            {tasks.slice(0, 6).map((task, i) => (
              <span key={task}>
                {i > 0 && ', '}
                <code>{task}</code>
              </span>
            ))}
          </dd>
          <dt>trigger</dt>
          <dd>
            every {EVERY_S} seconds; inserted now, it runs at {times}
          </dd>
        </dl>
      </div>
      <p class="watching">
        {takers[0] !== undefined && <Mark status={nodeStatusOf(takers[0])} />}
        <span>
          {live ? 'Watching the jobs. Your document appears here as it is written.' : 'Not live at the moment.'}
        </span>
        <span class="grow" />
        <span class="support">{counted(takers.length, 'node')} listening</span>
      </p>
      <div class="first-next">
        <Try title="Then change it" line={'db.jobs.updateOne({_id: "hello"},\n{$set: {"trigger.seconds": 2}})'}>
          The row changes here; the old value stays struck through for five seconds.
        </Try>
        <Try title="Run it now" line={'db.jobs.updateOne({_id: "hello"},\n{$push: {run_at: new Date()}})'}>
          One more run, the schedule stays.
        </Try>
        <Try title="Move it" line={`db.jobs.updateOne({_id: "hello"},\n{$set: {ip: ${JSON.stringify(other)}}})`}>
          Or drag the row onto the node in the left column.
        </Try>
      </div>
      <p class="support">
        No mongosh at hand? {change && <Link to="/new">New job opens the form,</Link>}{' '}
        <code>tidewheel jobs add --file job.json</code> does it from a shell.
      </p>
    </section>
  )
}

function Try({ title, line, children }: { readonly title: string; readonly line: string; readonly children: string }) {
  return (
    <div>
      <h3>{title}</h3>
      <pre class="code small">{line}</pre>
      <p class="support">{children}</p>
    </div>
  )
}
