/** Node card: one node: what it holds, what runs, its lease as a bar that empties, its clock, its stream; a place to drop jobs on.
 *  In: a node, its first jobs. Out: links to all of them; jobs that can be picked up; what can be done with the node. */
import { pathOf } from '../address.ts'
import { useCell } from '../cell.ts'
import { useNow } from '../clock.ts'
import { useKeys } from '../keys.ts'
import type { Job, Node } from '../shapes.ts'
import { grab, hand, pickUp, targets } from '../store/hand.ts'
import { useRights } from '../store/me.ts'
import { type NodeJobs, nodeJobs } from '../store/node-jobs.ts'
import { useNodes } from '../store/nodes.ts'
import { listPath } from '../store/search.ts'
import { JOB_STATUSES, jobStatusOf, nodeStatusOf } from '../words/status.ts'
import { clockOf, counted, dueWords, grouped, lengthWords, signed } from '../words/time.ts'
import { Button, Link } from './controls.tsx'
import { Mark } from './mark.tsx'
import { Menu } from './menu.tsx'

export type NodeAct = 'drain' | 'undrain' | 'evict' | 'pause' | 'resume'

interface NodeCardProps {
  readonly node: Node
  readonly current: boolean
  readonly act: (act: NodeAct) => void
}

const CLOCK_OFF_MS = 200

export function NodeCard({ node, current, act }: NodeCardProps) {
  const status = nodeStatusOf(node)
  const held = useCell(hand)
  const { operate } = useRights()
  const known = useCell(nodeJobs).get(node._id)
  const over = held?.over === node._id
  const target = held !== undefined && targets(held.jobs).includes(node._id)
  const coming = over ? held.jobs.filter(job => job.ip !== node._id).length : 0
  const classes = [
    'card',
    status.word,
    over && 'over',
    held !== undefined && (target ? 'target' : 'not-target'),
    current && 'current',
  ]
  return (
    <article
      class={classes.filter(Boolean).join(' ')}
      data-node={node._id}
      data-card={node._id}
      aria-label={`Node ${node._id}, ${status.word}`}
      tabIndex={current ? 0 : -1}
    >
      <header class="card-head">
        <Mark status={status} />
        <h2 class="mono clip">
          <Link to={listPath({ ip: node._id })}>{node._id}</Link>
        </h2>
        <span class={`card-status ${status.colour}`}>{status.word}</span>
        <span class="support clip grow" title={hostOf(node)}>
          {hostOf(node)}
        </span>
        {operate && <CardMenu node={node} word={status.word} act={act} />}
      </header>
      <Figures node={node} extra={coming} />
      <p class="support card-line">{lineOf(node)}</p>
      {node.living && <ComingHour known={known} />}
      <JobsOf node={node} known={known} landing={coming} />
    </article>
  )
}

/** The machine's name without what tells processes apart. */
const hostOf = ({ host, pid, version }: Node): string =>
  [host?.split(/[\s,;(]/)[0], pid === undefined ? undefined : `pid ${pid}`, version].filter(Boolean).join(', ')

function CardMenu({
  node,
  word,
  act,
}: {
  readonly node: Node
  readonly word: string
  readonly act: (act: NodeAct) => void
}) {
  const wished = node.wanted === 'draining'
  if (word === 'dead' || word === 'stopped') {
    return wished ? (
      <Button does={() => act('undrain')}>Stop draining</Button>
    ) : (
      <Button does={() => act('evict')}>Evict…</Button>
    )
  }
  if (word === 'draining') return <Button does={() => act('undrain')}>Stop draining</Button>
  return (
    <Menu head="⋯" label={`What can be done with ${node._id}`}>
      <Button kind="quiet" does={() => act('drain')} shortcut="d">
        Drain…
      </Button>
      <Button kind="quiet" does={() => act(word === 'paused' ? 'resume' : 'pause')}>
        {word === 'paused' ? 'Resume' : 'Pause'}
      </Button>
      <Button kind="quiet" does={() => act('evict')}>
        Evict…
      </Button>
    </Menu>
  )
}

function Figures({ node, extra }: { readonly node: Node; readonly extra: number }) {
  const now = useNow()
  const left = Date.parse(node.seen) + node.lease - now
  const share = Math.max(0, Math.min(1, left / node.lease))
  const off = Math.abs(node.offset ?? 0) > CLOCK_OFF_MS
  const living = node.living
  return (
    <dl class="figures">
      <div>
        <dt>Jobs</dt>
        <dd class="figure">
          {grouped(node.jobs ?? 0)}
          {extra > 0 && <span class="hand-text extra"> +{extra}</span>}
        </dd>
      </div>
      <div>
        <dt>Running</dt>
        <dd class="figure">{grouped(node.running ?? 0)}</dd>
      </div>
      <div>
        <dt>Lease</dt>
        <dd>
          <meter class="lease" min="0" max="1" value={living ? share : 0} title={`of ${lengthWords(node.lease)}`}>
            {Math.round(share * 100)} %
          </meter>{' '}
          {living ? leftWords(left) : <span class={node.status === 'stopped' ? 'support' : 'bad'}>ended</span>}
        </dd>
      </div>
      <div>
        <dt>Clock</dt>
        <dd class={off ? 'warn' : undefined} title="ahead of the database server">
          {!living || node.offset === undefined ? (
            <span class="support">unknown</span>
          ) : (
            signed(Math.round(node.offset))
          )}
        </dd>
      </div>
    </dl>
  )
}

/** To the tenth, as long as it is about to end. */
const leftWords = (ms: number): string => (ms < 100_000 ? `${(Math.max(0, ms) / 1_000).toFixed(1)} s` : lengthWords(ms))

function lineOf(node: Node): string {
  const { word } = nodeStatusOf(node)
  const last = clockOf(node.seen)
  if (word === 'dead')
    return `Last word ${last}.${(node.stranded ?? 0) > 0 ? ` ${counted(node.stranded ?? 0, 'job')} stranded.` : ''}`
  if (word === 'stopped') return `Stopped in order, last word ${last}.`
  const parts = [
    word === 'draining'
      ? `Draining: ${counted(node.jobs ?? 0, 'job')} left, ${counted(node.running ?? 0, 'run')} end here first`
      : '',
    streamOf(node),
    node.executors === undefined ? '' : Object.keys(node.executors).join(', '),
    node.timezone ?? '',
  ]
  return parts.filter(part => part !== '').join(' · ')
}

function streamOf({ stream }: Node): string {
  if (stream?.open === undefined) return ''
  if (!stream.open) return 'Stream broken, being resumed'
  return typeof stream.behind === 'number' ? `Stream open, ${lengthWords(stream.behind)} behind` : 'Stream open'
}

function ComingHour({ known }: { readonly known: NodeJobs | undefined }) {
  const minutes = known?.coming
  if (minutes === undefined) return <div class="hour" />
  const top = Math.max(4, ...minutes)
  const all = minutes.reduce((sum, n) => sum + n, 0)
  return (
    <div class="hour">
      <p class="label">
        <span class="grow">Due in the next hour</span>
        {known?.most !== undefined && known.most.count > 1 && (
          <span>
            {grouped(known.most.count)} at {clockOf(known.most.at)}
          </span>
        )}
      </p>
      <svg
        viewBox="0 0 360 32"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${grouped(all)} runs due within the hour`}
      >
        {minutes.map((n, i) => {
          const high = n === 0 ? 0 : 3 + 27 * Math.sqrt(n / top)
          return <rect key={i} class="late fill" x={i * 6} y={31 - high} width="4" height={high} />
        })}
        <path class="line" d="M0 31.5H360" />
      </svg>
    </div>
  )
}

interface JobsOfProps {
  readonly node: Node
  readonly known: NodeJobs | undefined
  readonly landing: number
}

function JobsOf({ node, known, landing }: JobsOfProps) {
  const nodes = useNodes()
  const jobs = known?.jobs ?? []
  const more = (node.jobs ?? 0) - jobs.length
  return (
    <>
      <ul class="card-jobs">
        {jobs.map(job => (
          <CardJob key={job._id} job={job} nodes={nodes} />
        ))}
        {landing > 0 && (
          <li class="landing">
            {counted(landing, 'job')} {landing === 1 ? 'lands' : 'land'} here
          </li>
        )}
      </ul>
      {jobs.length === 0 && known !== undefined && landing === 0 && (
        <p class="support card-line">No job is due here.</p>
      )}
      {more > 0 && (
        <p class="card-line">
          <Link to={listPath({ ip: node._id })}>{grouped(more)} more</Link>
        </p>
      )}
    </>
  )
}

function CardJob({ job, nodes }: { readonly job: Job; readonly nodes: ReturnType<typeof useNodes> }) {
  const now = useNow()
  const held = useCell(hand)?.jobs.some(({ _id }) => _id === job._id) === true
  const status = jobStatusOf(job, nodes)
  const since = job.state?.running?.[0]?.claimed
  return (
    <li class={held ? 'held' : undefined} onPointerDown={event => grab(event, () => [job])}>
      <Mark status={JOB_STATUSES[status]} label={JOB_STATUSES[status].word} />
      <Link to={pathOf('jobs', job._id)} class="clip grow">
        <span data-job={job._id}>{job._id}</span>
      </Link>
      <span class="support">
        {status === 'running' && since !== undefined
          ? `${lengthWords(Math.max(0, now - Date.parse(since)))} so far`
          : typeof job.next_run_time === 'string' && dueWords(job.next_run_time, now)}
      </span>
    </li>
  )
}

/** Space on the link of a job picks it up. */
export function useCardKeys(find: (id: string) => Job | undefined): void {
  useKeys('Nodes', [
    {
      key: 'Space',
      does: 'pick the focused job up',
      always: true,
      run: () => {
        const id = document.activeElement?.querySelector<HTMLElement>('[data-job]')?.dataset.job
        const job = id === undefined ? undefined : find(id)
        if (job !== undefined) pickUp([job])
      },
    },
  ])
}
