/** Rail: the left column: places, nodes (a filter, and always a target to drop jobs on), kept views, whether it is live, zone, role. */
import { address } from '../address.ts'
import { useCell } from '../cell.ts'
import { hand, targets } from '../store/hand.ts'
import { keptViews } from '../store/kept.ts'
import { me, useRights } from '../store/me.ts'
import { useNodes } from '../store/nodes.ts'
import { isAt, PLACES } from '../store/places.ts'
import { listPath, searchOf, searchOfAddress } from '../store/search.ts'
import { trouble } from '../store/trouble.ts'
import { nodeStatusOf } from '../words/status.ts'
import { grouped, READERS_ZONE } from '../words/time.ts'
import { Key, Link } from './controls.tsx'
import { FlowState } from './flow-state.tsx'
import { Mark } from './mark.tsx'

const SHOWN_NODES = 12

export function Rail({ open }: { readonly open: (what: 'palette' | 'keys') => void }) {
  const { path } = useCell(address)
  const nodes = useNodes() ?? []
  const wrong = useCell(trouble)
  const held = nodes.reduce((sum, { jobs = 0 }) => sum + jobs, 0)
  const counts: Readonly<Record<string, string>> = {
    Jobs: held > 0 ? grouped(held) : '',
    Nodes: nodes.length > 0 ? grouped(nodes.length) : '',
  }
  return (
    <nav class="rail" aria-label="Places">
      <Link to="/jobs" class="brand">
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="8" cy="8" r="6.5" />
          <path d="M8 1.5V8l4.6 4.6" />
        </svg>
        Tidewheel
      </Link>
      <ul>
        {PLACES.map(({ name, path: to, key }) => (
          <li key={name}>
            <Link to={to} current={isAt(path, to)}>
              <span class="grow">{name}</span>
              {name === 'Overview' && wrong !== undefined && wrong.length > 0 && (
                <span class="rail-wrong">
                  <Mark status={{ word: '', colour: 'warn', shape: 'diamond-exclamation' }} label="wrong now:" />
                  {wrong.length}
                </span>
              )}
              <span class="number">{counts[name]}</span>
              <Key>{key}</Key>
            </Link>
          </li>
        ))}
      </ul>
      <RailNodes />
      <RailViews />
      <span class="grow" />
      <RailFoot open={open} />
    </nav>
  )
}

function RailNodes() {
  const nodes = useNodes() ?? []
  const { path, query } = useCell(address)
  const held = useCell(hand)
  const allowed = held === undefined ? [] : targets(held.jobs)
  const here = isAt(path, '/jobs') ? searchOfAddress(query).ip : undefined
  if (nodes.length === 0) return null
  const classOf = (ip: string) =>
    ['rail-node', held !== undefined && (allowed.includes(ip) ? 'target' : 'not-target'), held?.over === ip && 'over']
      .filter(Boolean)
      .join(' ')
  return (
    <>
      <h2 id="rail-nodes">Nodes</h2>
      <ul aria-labelledby="rail-nodes" class="rail-nodes">
        {nodes.slice(0, SHOWN_NODES).map(node => (
          <li key={node._id} data-node={node._id} class={classOf(node._id)}>
            <Link to={listPath({ ip: node._id })} current={here === node._id}>
              <Mark status={nodeStatusOf(node)} label={nodeStatusOf(node).word} />
              <span class="mono clip grow">{node._id}</span>
              <span class="number">{grouped(node.jobs ?? 0)}</span>
            </Link>
          </li>
        ))}
      </ul>
      {nodes.length > SHOWN_NODES && (
        <Link to="/nodes" class="rail-more">
          {nodes.length - SHOWN_NODES} more
        </Link>
      )}
    </>
  )
}

function RailViews() {
  const views = useCell(keptViews)
  if (views.length === 0) return null
  return (
    <>
      <h2 id="rail-views">Views you kept</h2>
      <ul aria-labelledby="rail-views">
        {views.map(({ name, line }) => (
          <li key={line}>
            <Link to={listPath(searchOf(line))}>
              <span class="clip grow">{name}</span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  )
}

function RailFoot({ open }: { readonly open: (what: 'palette' | 'keys') => void }) {
  const who = useCell(me)
  const { operate } = useRights()
  return (
    <footer class="rail-foot">
      <FlowState />
      <p>
        <span title="Your time zone">{READERS_ZONE}</span>
        <span class="grow" />
        {who !== undefined && (
          <span title={who.open ? 'There are no users: everybody on this machine is admin' : undefined}>
            {who.user === null ? who.role : `${who.user}, ${who.role}`}
          </span>
        )}
      </p>
      {who?.open === true && <p class="wrap">No users: all on this machine are admin.</p>}
      {who !== undefined && !operate && (
        <p class="wrap">{who.readOnly ? 'Read-only server.' : 'You may look, not change.'}</p>
      )}
      <p class="rail-keys">
        <button type="button" class="button quiet" onClick={() => open('palette')}>
          <Key>Ctrl K</Key> commands
        </button>
        <button type="button" class="button quiet" onClick={() => open('keys')}>
          <Key>?</Key> keys
        </button>
      </p>
    </footer>
  )
}
