/** Nodes: a card for each node, and what needs a person on top.
 *  In: the registry. Out: jobs can be carried from card to card, a node drained, evicted, paused; jobs brought home by "rebalance".
 *  Nodes that live first, then those that stopped or died, so that what stands by and what is stranded is seen in one place. */
import { useEffect, useState } from 'preact/hooks'
import { go } from '../address.ts'
import { at, post, wordsOf } from '../api.ts'
import { useCell } from '../cell.ts'
import { useKeys } from '../keys.ts'
import { Button, Key, Link } from '../parts/controls.tsx'
import { FlowState } from '../parts/flow-state.tsx'
import { Mark } from '../parts/mark.tsx'
import { type NodeAct, NodeCard, useCardKeys } from '../parts/node-card.tsx'
import { DrainSheet, EvictSheet, undrain } from '../parts/node-sheets.tsx'
import { Sheet } from '../parts/sheet.tsx'
import type { Node } from '../shapes.ts'
import { useRights } from '../store/me.ts'
import { followNodeJobs, nodeJobs } from '../store/node-jobs.ts'
import { nodes as known, readNodes, useNodes } from '../store/nodes.ts'
import { say } from '../store/said.ts'
import { listPath } from '../store/search.ts'
import { trouble } from '../store/trouble.ts'
import { nodeStatusOf } from '../words/status.ts'
import { counted } from '../words/time.ts'

type Front = { readonly what: 'drain' | 'evict'; readonly ip: string } | { readonly what: 'rebalance' } | undefined

const ORDER = ['active', 'paused', 'draining', 'dead', 'stopped']

export function NodesView() {
  const all = useNodes()
  const { operate } = useRights()
  const [front, setFront] = useState<Front>(undefined)
  const [current, setCurrent] = useState(0)
  useEffect(() => followNodeJobs(() => (known.value ?? []).map(({ _id }) => _id)), [all === undefined, all?.length])
  const nodes = [...(all ?? [])].sort(
    (a, b) => ORDER.indexOf(nodeStatusOf(a).word) - ORDER.indexOf(nodeStatusOf(b).word),
  )
  const at = nodes[Math.min(current, nodes.length - 1)]
  const jobs = nodes.reduce((sum, node) => sum + (node.jobs ?? 0), 0)
  const running = nodes.reduce((sum, node) => sum + (node.running ?? 0), 0)
  const words = ORDER.map(word => [word, nodes.filter(node => nodeStatusOf(node).word === word).length] as const)
  const act = (node: Node) => (what: NodeAct) => {
    if (what === 'drain' || what === 'evict') setFront({ what, ip: node._id })
    else void small(node._id, what)
  }
  const step = (by: number) => () => {
    const next = Math.min(nodes.length - 1, Math.max(0, current + by))
    setCurrent(next)
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.card.current')?.focus())
  }
  useCardKeys(id => [...nodeJobs.value.values()].flatMap(({ jobs: some }) => some).find(({ _id }) => _id === id))
  useKeys('Nodes', [
    { key: 'ArrowRight', does: 'next card', run: step(1) },
    { key: 'ArrowDown', does: 'next card', run: step(1) },
    { key: 'ArrowLeft', does: 'card before', run: step(-1) },
    { key: 'ArrowUp', does: 'card before', run: step(-1) },
    { key: 'Enter', does: 'its jobs', run: () => at !== undefined && go(listPath({ ip: at._id })) },
    ...(operate
      ? [
          {
            key: 'd',
            does: 'drain it, with a preview',
            run: () => at !== undefined && setFront({ what: 'drain', ip: at._id }),
          },
          { key: 'b', does: 'rebalance', run: () => setFront({ what: 'rebalance' }) },
        ]
      : []),
  ])
  const inFront = front !== undefined && 'ip' in front ? nodes.find(({ _id }) => _id === front.ip) : undefined
  const close = () => setFront(undefined)
  return (
    <main class="nodes-view">
      <header class="top">
        <h1>Nodes</h1>
        <span class="support clip">
          {words
            .filter(([, n]) => n > 0)
            .map(([word, n]) => `${n} ${word}`)
            .join(', ')}
          {nodes.length > 0 && `, ${counted(jobs, 'job')}, ${running} running`}
        </span>
        <span class="grow" />
        <span class="narrow-only">
          <FlowState short />
        </span>
        <span class="hints" aria-hidden="true">
          <Key>← →</Key> card
          {operate && (
            <>
              <Key>Space</Key> pick a job up <Key>d</Key> drain
            </>
          )}
        </span>
        {operate && (
          <Button does={() => setFront({ what: 'rebalance' })} shortcut="b">
            Rebalance…
          </Button>
        )}
      </header>
      <Stranded />
      {all !== undefined && nodes.length === 0 && (
        <section class="empty">
          <h2>No node has come yet.</h2>
          <p class="support">
            Start one: <code>tidewheel start --tasks FOLDER</code>. It stands here as soon as it holds its lease.
          </p>
        </section>
      )}
      <div class="cards">
        {nodes.map(node => (
          <NodeCard key={node._id} node={node} current={node === at} act={act(node)} />
        ))}
      </div>
      {inFront !== undefined && front?.what === 'drain' && <DrainSheet node={inFront} close={close} />}
      {inFront !== undefined && front?.what === 'evict' && <EvictSheet node={inFront} close={close} />}
      {front?.what === 'rebalance' && <RebalanceSheet close={close} />}
    </main>
  )
}

async function small(ip: string, what: 'undrain' | 'pause' | 'resume'): Promise<void> {
  try {
    if (what === 'undrain') await undrain(ip)
    else await post(`${at('nodes', ip)}/${what}`)
    say(what === 'undrain' ? `${ip} drains no more.` : `${ip} is asked to ${what}. It obeys at its next heartbeat.`)
    readNodes()
  } catch (error) {
    say(`${ip}: ${wordsOf(error)}`, { failed: true })
  }
}

function Stranded() {
  const line = useCell(trouble)?.find(({ id }) => id === 'stranded')
  if (line === undefined) return null
  return (
    <p class="banner warn" role="alert">
      <Mark status={line.status} />
      <span class="grow">
        <strong>{line.title}.</strong> {line.about}.
      </span>
      <Link to={line.to}>See and move them</Link>
    </p>
  )
}

function RebalanceSheet({ close }: { readonly close: () => void }) {
  const go = async () => {
    close()
    try {
      const answer = await post<{ moved?: number } | undefined>('nodes/rebalance')
      say(answer?.moved === undefined ? 'Rebalanced.' : `${counted(answer.moved, 'job')} moved.`)
      readNodes()
    } catch (error) {
      say(`Rebalance: ${wordsOf(error)}`, { failed: true })
    }
  }
  useKeys('Dialogue', [{ key: 'Enter', does: 'rebalance', always: true, run: () => void go() }])
  const foot = (
    <>
      <span class="support grow">Cannot be undone as a whole</span>
      <Button does={close} shortcut="Escape">
        Not now
      </Button>
      <Button kind="main" does={() => void go()} shortcut="Enter">
        Rebalance
      </Button>
    </>
  )
  return (
    <Sheet title="Rebalance" place="middle" close={close} foot={foot}>
      <p>
        Jobs that were taken over go back home where their node lives again, and jobs that the cluster placed are spread
        evenly. A job whose node a person chose stays. Runs in progress end where they began; next run times stay.
      </p>
    </Sheet>
  )
}
