/** Node sheets: what would happen before a node is drained or evicted.
 *  In: a node. Out: the preview by the server, and then the act. Draining can be undone; evicting cannot, and says so. */
import { useEffect, useState } from 'preact/hooks'
import { at, post, wordsOf } from '../api.ts'
import { useKeys } from '../keys.ts'
import type { Node } from '../shapes.ts'
import { type Drain, drainOf } from '../store/drain.ts'
import { readNodes, useNodes } from '../store/nodes.ts'
import { say } from '../store/said.ts'
import { remember } from '../store/undo.ts'
import { nodeStatusOf } from '../words/status.ts'
import { clockOf, counted, grouped } from '../words/time.ts'
import { Button } from './controls.tsx'
import { Mark } from './mark.tsx'
import { Sheet } from './sheet.tsx'

interface NodeSheetProps {
  readonly node: Node
  readonly close: () => void
}

const SHOWN = 20
const STRANDED = { word: 'stranded', colour: 'warn', shape: 'diamond-exclamation' } as const

export async function undrain(ip: string): Promise<undefined> {
  await post(`${at('nodes', ip)}/drain`, { undo: true })
  readNodes()
}

export function DrainSheet({ node, close }: NodeSheetProps) {
  const [drain, setDrain] = useState<Drain | string | undefined>(undefined)
  const ip = node._id
  useEffect(() => {
    post<unknown>(`${at('nodes', ip)}/drain`, { dry_run: true }).then(
      answer => setDrain(drainOf(answer)),
      error => setDrain(wordsOf(error)),
    )
  }, [ip])
  const go = async () => {
    close()
    try {
      await post(`${at('nodes', ip)}/drain`)
      remember({ what: `Drain of ${ip}`, back: () => undrain(ip) })
      say(`${ip} drains.`, { undoable: true })
      readNodes()
    } catch (error) {
      say(`Drain: ${wordsOf(error)}`, { failed: true })
    }
  }
  const ready = typeof drain === 'object'
  useKeys('Dialogue', [{ key: 'Enter', does: 'drain', always: true, run: () => ready && void go() }])
  const foot = (
    <>
      <span class="support grow">Can be undone with z</span>
      <Button does={close} shortcut="Escape">
        Not now
      </Button>
      <Button kind="main" does={() => void go()} disabled={!ready} shortcut="Enter">
        Drain{ready && `, move ${grouped(drain.goes)}`}
      </Button>
    </>
  )
  return (
    <Sheet title={`Drain ${ip}`} aside="preview, nothing has happened yet" close={close} foot={foot}>
      {drain === undefined && <p class="support">Asking the server…</p>}
      {typeof drain === 'string' && <p class="bad">{drain}</p>}
      {typeof drain === 'object' && <DrainWords node={node} drain={drain} />}
    </Sheet>
  )
}

function DrainWords({ node, drain }: { readonly node: Node; readonly drain: Drain }) {
  const nodes = useNodes() ?? []
  const top = Math.max(1, ...drain.to.map(({ ip, count }) => (nodes.find(({ _id }) => _id === ip)?.jobs ?? 0) + count))
  return (
    <>
      <p>
        <strong>
          {counted(drain.goes, 'job')} go, {grouped(drain.stay)} stay.
        </strong>{' '}
        {(node.running ?? 0) > 0 && `${counted(node.running ?? 0, 'run')} in progress end here first. `}It takes no new
        runs meanwhile.
      </p>
      {drain.to.length > 0 && (
        <section>
          <h3>
            Where they go <span class="grow" />
            <span class="legend">
              <i class="late" /> has <i class="gets" /> gets
            </span>
          </h3>
          <ul class="bars">
            {drain.to.map(({ ip, count }) => {
              const target = nodes.find(({ _id }) => _id === ip)
              const has = target?.jobs ?? 0
              return (
                <li key={ip}>
                  {target !== undefined && <Mark status={nodeStatusOf(target)} />}
                  <span class="mono clip">{ip}</span>
                  <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                    <rect class="late fill" y="0" width={(has / top) * 100} height="10" />
                    <rect class="gets" x={(has / top) * 100} y="0" width={(count / top) * 100} height="10" />
                  </svg>
                  <span class="number">{grouped(has)}</span>
                  <span class="hand-text number">+{grouped(count)}</span>
                </li>
              )
            })}
          </ul>
        </section>
      )}
      {drain.first.length > 0 && (
        <section>
          <h3>
            First to go <span class="grow" />
            <span class="label">
              {Math.min(SHOWN, drain.first.length)} of {grouped(drain.goes)}
            </span>
          </h3>
          <ul class="moves">
            {drain.first.slice(0, SHOWN).map(({ _id, to }) => (
              <li key={_id}>
                <span class="clip">{_id}</span>
                <span class="mono">{to}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {drain.stay > 0 && (
        <section>
          <h3>{counted(drain.stay, 'job')} stay, because no other may take them</h3>
          <ul class="moves">
            {drain.staying.slice(0, SHOWN).map(({ _id, why }) => (
              <li key={_id}>
                <span class="clip">{_id}</span>
                <span class="support">{why || 'stays'}</span>
              </li>
            ))}
          </ul>
          <p class="banner warn">
            <Mark status={STRANDED} />
            <span>
              They stay on this node and are stranded when it stops. To let others take them: set{' '}
              <code>standby: "any"</code>, or move them by hand.
            </span>
          </p>
        </section>
      )}
    </>
  )
}

export function EvictSheet({ node, close }: NodeSheetProps) {
  const ip = node._id
  const go = async () => {
    close()
    try {
      const answer = await post<{ moved?: number } | undefined>(`${at('nodes', ip)}/evict`)
      say(`${ip} is evicted${answer?.moved === undefined ? '.' : `, ${counted(answer.moved, 'job')} moved.`}`)
      readNodes()
    } catch (error) {
      say(`Evict: ${wordsOf(error)}`, { failed: true })
    }
  }
  const foot = (
    <>
      <span class="support grow">Cannot be undone</span>
      <Button does={close} shortcut="Escape">
        Not now
      </Button>
      <Button kind="grave" does={() => void go()}>
        Evict {ip}
      </Button>
    </>
  )
  return (
    <Sheet title={`Evict ${ip}`} place="middle" close={close} foot={foot}>
      <p>
        The node is treated as dead at once. Its jobs move to the nodes that may take them; those that no other may take
        are stranded.
      </p>
      {node.living ? (
        <p class="banner bad">
          <Mark status={STRANDED} />
          <span>
            <strong>It is alive.</strong> Its {counted(node.running ?? 0, 'run')} in progress are interrupted. Its
            process is fenced, and comes back as a new one. To let runs finish, drain it instead.
          </span>
        </p>
      ) : (
        <p>It has not answered since {clockOf(node.seen)}.</p>
      )}
    </Sheet>
  )
}
