/** Jobs: all jobs of a search, one row each.
 *  In: the address (`/jobs?tag=billing&sort=_id`). Out: search line, counts by status, rows that live, and what to do with the chosen.
 *  The address says what is shown, so that it can be shared. */
import { useEffect, useLayoutEffect, useMemo, useState } from 'preact/hooks'
import { address, go, pathOf } from '../address.ts'
import { useCell } from '../cell.ts'
import { every } from '../clock.ts'
import { useKeys } from '../keys.ts'
import { BulkBar } from '../parts/bulk-bar.tsx'
import { COLUMNS } from '../parts/columns.tsx'
import { Button, Key, Link } from '../parts/controls.tsx'
import { FirstJob } from '../parts/first-job.tsx'
import { FlowState } from '../parts/flow-state.tsx'
import { JobTable } from '../parts/job-table.tsx'
import { Mark } from '../parts/mark.tsx'
import { Menu } from '../parts/menu.tsx'
import { SearchLine } from '../parts/search-line.tsx'
import type { BulkAction, Job } from '../shapes.ts'
import { perform } from '../store/acts.ts'
import { COUNTED, type Counts, countJobs, countWords } from '../store/counts.ts'
import { pickUp } from '../store/hand.ts'
import { JobList, type ListState } from '../store/job-list.ts'
import { hiddenColumns, keptViews } from '../store/kept.ts'
import { useRights } from '../store/me.ts'
import { useNodes } from '../store/nodes.ts'
import { chosenOf, isPicked, movedCursor, NOTHING, type Picked, toggled } from '../store/picked.ts'
import { say } from '../store/said.ts'
import { isEmpty, lineOf, listPath, type Search, searchOfAddress } from '../store/search.ts'
import { JOB_STATUSES } from '../words/status.ts'
import { grouped } from '../words/time.ts'

const COUNT_MS = 10_000
const PAGE_ROWS = 20
const DEFAULT_SORT = 'next_run_time'
/** Left here for the job's page: its neighbours in the list. */
export const lastList: { ids: readonly string[]; path: string } = { ids: [], path: '/jobs' }

export function JobsView() {
  const { query } = useCell(address)
  const search = searchOfAddress(query)
  const sort = query.get('sort') ?? DEFAULT_SORT
  const line = lineOf(search)
  const list = useMemo(() => new JobList(), [])
  const state = useCell(list.state)
  const nodes = useNodes()
  const { operate, change } = useRights()
  const counts = useCounts(search, line, state.loading && state.rows.length === 0)
  const hidden = useCell(hiddenColumns)
  const [picked, pick] = useState<Picked>(NOTHING)
  const [action, setAction] = useState<BulkAction | undefined>(undefined)
  const [[from, to], setSeen] = useState<readonly [number, number]>([0, 0])
  const columns = COLUMNS.filter(({ name }) => !hidden.includes(name))

  useEffect(() => list.follow(), [])
  // Before anything else is asked for: a browser has few lines to a server.
  useLayoutEffect(() => {
    list.open(search, sort)
    pick(NOTHING)
    setAction(undefined)
  }, [line, sort])
  lastList.ids = state.rows.map(({ job }) => job._id)
  lastList.path = listPath(search, query.has('sort') ? sort : undefined)

  const setSearch = (next: Search, entered: boolean) =>
    go(listPath(next, query.has('sort') ? sort : undefined), { replace: !entered })
  const clear = () => {
    pick(({ cursor }) => ({ ...NOTHING, cursor }))
    setAction(undefined)
  }
  useListKeys({ list, state, picked, pick, operate, change, setAction, clear, action })

  const chosen = isPicked(picked) ? chosenOf(picked, search, state) : undefined
  const matching = state.count === undefined ? undefined : countWords({ count: state.count, exact: state.exact })
  const found = matching === undefined ? '' : `${matching} ${state.count === 1 ? 'job' : 'jobs'}`
  const empty = !state.loading && state.rows.length === 0 && state.error === undefined
  return (
    <main class="jobs-view">
      <header class="top">
        <h1 class="narrow-only">Jobs</h1>
        <span class="narrow-only narrow-end">
          <FlowState short />
        </span>
        <SearchLine
          search={search}
          known={{ nodes, counts, jobs: state.rows.map(({ job }) => job) }}
          found={found}
          set={setSearch}
        />
        {change && (
          <Button does={() => go('/new')} shortcut="n">
            New job
          </Button>
        )}
      </header>
      {!(empty && isEmpty(search)) && (
        <div class="strip">
          <StatusCounts search={search} counts={counts} />
          <span class="grow" />
          {line !== '' && <KeepView line={line} />}
          <Columns />
          <Order state={state} reload={() => void list.reload()} sort={sort} />
        </div>
      )}
      {state.error !== undefined && (
        <p class="banner bad" role="alert">
          {state.error} <Button does={() => void list.reload()}>Try again</Button>
        </p>
      )}
      {empty && isEmpty(search) && <FirstJob nodes={nodes} />}
      {empty && !isEmpty(search) && (
        <section class="empty">
          <h2>No job matches.</h2>
          <p class="support">
            <code>{line}</code> finds none. <Link to="/jobs">See all jobs</Link>
          </p>
        </section>
      )}
      {!empty && (
        <JobTable
          list={list}
          state={state}
          columns={columns}
          sort={sort}
          setSort={next => go(listPath(search, next), { replace: true })}
          nodes={nodes}
          picked={picked}
          pick={pick}
          operate={operate}
          seen={(a, b) => setSeen([a, b])}
        />
      )}
      {chosen !== undefined && operate && (
        <BulkBar
          chosen={chosen}
          matching={matching}
          action={action}
          setAction={setAction}
          all={() => pick(now => ({ ...now, all: true }))}
          clear={clear}
        />
      )}
      {!empty && (
        <footer class="foot">
          <span>
            Rows {grouped(state.rows.length === 0 ? 0 : from + 1)}–{grouped(to)} of {matching ?? '…'}
            {state.loading && ', loading'}
          </span>
          <span class="grow" />
          <Hints operate={operate} change={change} />
        </footer>
      )}
    </main>
  )
}

/** They wait for the first rows, which somebody came to see. */
function useCounts(search: Search, line: string, waits: boolean): Counts {
  const [counts, set] = useState<Counts>({})
  useEffect(() => {
    if (waits) return
    let current = true
    const read = () =>
      void countJobs(search).then(
        found => current && set(found),
        () => undefined,
      )
    read()
    const stop = every(COUNT_MS, () => {
      if (!document.hidden) read()
    })
    return () => {
      current = false
      stop()
    }
  }, [line, waits])
  return counts
}

function StatusCounts({ search, counts }: { readonly search: Search; readonly counts: Counts }) {
  return (
    <nav class="counts" aria-label="By status">
      {COUNTED.map(name => {
        const count = counts[name]
        if (count === undefined) return null
        const on = search.status === name
        const { status: _, ...others } = search
        return (
          <Link key={name} to={listPath(on ? others : { ...search, status: name })} class={on ? 'on' : undefined}>
            <Mark status={JOB_STATUSES[name]} />
            {JOB_STATUSES[name].word} <span class="number">{countWords(count)}</span>
          </Link>
        )
      })}
    </nav>
  )
}

function KeepView({ line }: { readonly line: string }) {
  const views = useCell(keptViews)
  const kept = views.some(view => view.line === line)
  const toggle = () => {
    keptViews.set(kept ? views.filter(view => view.line !== line) : [...views, { name: line, line }])
    say(kept ? 'This view is not kept any more.' : 'Kept in the left column of this browser.')
  }
  useKeys('Jobs', [{ key: 'v', does: kept ? 'keep this view no more' : 'keep this view', run: toggle }])
  return (
    <Button kind="quiet" does={toggle} pressed={kept} shortcut="v">
      {kept ? 'Kept' : 'Keep view'}
    </Button>
  )
}

function Columns() {
  const hidden = useCell(hiddenColumns)
  const toggle = (name: string) =>
    hiddenColumns.set(hidden.includes(name) ? hidden.filter(one => one !== name) : [...hidden, name])
  return (
    <Menu head="Columns" stays>
      <fieldset>
        <legend class="unseen">Columns shown</legend>
        {COLUMNS.map(({ name, head }) => (
          <label key={name}>
            <input type="checkbox" checked={!hidden.includes(name)} onChange={() => toggle(name)} />
            {head}
          </label>
        ))}
      </fieldset>
    </Menu>
  )
}

const SORTED: Readonly<Record<string, string>> = {
  next_run_time: 'sorted by next run',
  '-next_run_time': 'last next run first',
  _id: 'sorted by id',
}

function Order({
  state,
  reload,
  sort,
}: {
  readonly state: ListState
  readonly reload: () => void
  readonly sort: string
}) {
  useKeys('Jobs', [{ key: '.', does: 'sort anew, show what came', run: reload }])
  return (
    <span class="label order">
      {SORTED[sort] ?? `sorted by ${sort}`}
      {state.waiting > 0 && (
        <Button kind="link" does={reload} shortcut=".">
          {grouped(state.waiting)} came, show
        </Button>
      )}
    </span>
  )
}

const Hints = ({ operate, change }: { readonly operate: boolean; readonly change: boolean }) => (
  <span class="hints" aria-hidden="true">
    <Key>↑ ↓</Key> row
    {operate && (
      <>
        <Key>x</Key> select
      </>
    )}
    <Key>Enter</Key> open
    {operate && (
      <>
        <Key>p</Key> pause <Key>r</Key> run now <Key>m</Key> move
      </>
    )}
    {change && (
      <>
        <Key>e</Key> edit
      </>
    )}
    {operate && (
      <>
        <Key>z</Key> undo
      </>
    )}
  </span>
)

interface ListKeys {
  readonly list: JobList
  readonly state: ListState
  readonly picked: Picked
  readonly pick: (how: (picked: Picked) => Picked) => void
  readonly operate: boolean
  readonly change: boolean
  readonly action: BulkAction | undefined
  readonly setAction: (action: BulkAction | undefined) => void
  readonly clear: () => void
}

function useListKeys({ state, picked, pick, operate, change, action, setAction, clear }: ListKeys): void {
  const current = (): Job | undefined => state.rows.find(({ job }) => job._id === picked.cursor)?.job
  const step = (by: number) => () => pick(now => movedCursor(now, state, by))
  const extend = (by: number) => () =>
    pick(now => {
      const next = movedCursor(now, state, by)
      const job = state.rows.find(row => row.job._id === next.cursor)?.job
      return job === undefined ? next : toggled(next, job, state, true)
    })
  /** On the chosen with a preview, on the one row at once. */
  const act = (name: BulkAction) => () => {
    const job = current()
    if (isPicked(picked)) setAction(name)
    else if (job !== undefined && name !== 'remove') void perform({ jobs: [job] }, { action: name })
    else if (job !== undefined) {
      pick(now => toggled(now, job, state, true))
      setAction(name)
    }
  }
  const open = () => {
    const job = current()
    if (job !== undefined) go(pathOf('jobs', job._id))
  }
  const edit = () => {
    const job = current()
    if (job !== undefined) go(`${pathOf('jobs', job._id)}?edit`)
  }
  const toggle = () => {
    const job = current()
    if (job !== undefined) pick(now => toggled(now, job, state))
  }
  const hold = () => {
    const job = current()
    pickUp(picked.jobs.size > 0 ? [...picked.jobs.values()] : job === undefined ? [] : [job])
  }
  useKeys('Jobs', [
    { key: 'ArrowDown', does: 'next row', run: step(1) },
    { key: 'ArrowUp', does: 'row before', run: step(-1) },
    { key: 'j', does: 'next row', run: step(1) },
    { key: 'k', does: 'row before', run: step(-1) },
    { key: 'PageDown', does: 'a screen down', run: step(PAGE_ROWS) },
    { key: 'PageUp', does: 'a screen up', run: step(-PAGE_ROWS) },
    { key: 'Home', does: 'first row', run: step(-state.rows.length) },
    { key: 'End', does: 'last loaded row', run: step(state.rows.length) },
    ...(action === undefined ? [{ key: 'Enter', does: 'open the job', run: open }] : []),
    ...(operate
      ? [
          { key: 'x', does: 'select the row', run: toggle },
          { key: 'Shift+ArrowDown', does: 'select downwards', run: extend(1) },
          { key: 'Shift+ArrowUp', does: 'select upwards', run: extend(-1) },
          { key: 'a', does: 'select all that match', run: () => pick(now => ({ ...now, all: true })) },
          { key: 'p', does: 'pause', run: act('pause') },
          { key: 'u', does: 'resume', run: act('resume') },
          { key: 'r', does: 'run now', run: act('run') },
          { key: 'm', does: 'move', run: () => (isPicked(picked) ? setAction('move') : hold()) },
          { key: 'Space', does: 'pick up, to drop on a node', run: hold },
        ]
      : []),
    ...(change
      ? [
          { key: 'e', does: 'edit the job', run: edit },
          { key: 'Delete', does: 'remove', run: act('remove') },
          { key: 'n', does: 'new job', run: () => go('/new') },
        ]
      : []),
    { key: 'Escape', does: 'choose nothing', run: () => (action === undefined ? clear() : setAction(undefined)) },
  ])
}
