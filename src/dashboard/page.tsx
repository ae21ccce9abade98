/** Page: the frame around every view: the rail, the keys that count everywhere, what floats, what is said.
 *  In: the address. Out: the view that it names. */
import type { ComponentChild } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { address, go, partsOf } from './address.ts'
import { useCell } from './cell.ts'
import { useKeys } from './keys.ts'
import { InHand } from './parts/in-hand.tsx'
import { KeySheet } from './parts/key-sheet.tsx'
import { Notices } from './parts/notices.tsx'
import { Palette } from './parts/palette.tsx'
import { Rail } from './parts/rail.tsx'
import { Tabs } from './parts/tabs.tsx'
import { useRights } from './store/me.ts'
import { undo } from './store/undo.ts'
import { JobView } from './views/job.tsx'
import { JobsView } from './views/jobs.tsx'
import { NewView } from './views/new.tsx'
import { NodesView } from './views/nodes.tsx'
import { NowhereView } from './views/nowhere.tsx'
import { OverviewView } from './views/overview.tsx'
import { RunView } from './views/run.tsx'
import { TimelineView } from './views/timeline.tsx'

type InFront = 'palette' | 'keys' | undefined

export function Page() {
  const { path } = useCell(address)
  const { operate } = useRights()
  const [front, setFront] = useState<InFront>(undefined)
  const parts = partsOf(path)
  const { title, view } = viewOf(parts)
  useEffect(() => {
    document.title = `${title} · Tidewheel`
  }, [title])
  useKeys('Everywhere', [
    { key: 'g o', does: 'overview', run: () => go('/stats') },
    { key: 'g j', does: 'jobs', run: () => go('/jobs') },
    { key: 'g n', does: 'nodes', run: () => go('/nodes') },
    { key: 'g t', does: 'timeline', run: () => go('/timeline') },
    { key: 'Ctrl+k', does: 'commands', always: true, run: () => setFront('palette') },
    { key: '?', does: 'these keys', run: () => setFront('keys') },
    ...(operate ? [{ key: 'z', does: 'undo', run: () => void undo() }] : []),
  ])
  const leave = () => setFront(undefined)
  return (
    <>
      <a class="skip" href="#view">
        To the view
      </a>
      <Rail open={setFront} />
      <div id="view" class="view" key={parts.slice(0, 2).join('/')}>
        {view}
      </div>
      <Tabs />
      <InHand />
      <Notices />
      {front === 'palette' && <Palette close={leave} />}
      {front === 'keys' && <KeySheet close={leave} />}
    </>
  )
}

function viewOf([place = 'jobs', id]: readonly string[]): { readonly title: string; readonly view: ComponentChild } {
  switch (place) {
    case 'jobs':
      return id === undefined ? { title: 'Jobs', view: <JobsView /> } : { title: id, view: <JobView id={id} /> }
    case 'new':
      return { title: 'New job', view: <NewView /> }
    case 'nodes':
      return { title: 'Nodes', view: <NodesView /> }
    case 'timeline':
      return { title: 'Timeline', view: <TimelineView /> }
    case 'stats':
      return { title: 'Overview', view: <OverviewView /> }
    case 'runs':
      if (id !== undefined) return { title: `Run ${id}`, view: <RunView id={id} /> }
  }
  return { title: 'Nowhere', view: <NowhereView /> }
}
