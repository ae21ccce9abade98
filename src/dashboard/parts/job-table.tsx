/** Job table: the rows in sight of a list that may be long.
 *  In: a list, what is picked, what the columns are. Out: a grid of which only the rows in sight are drawn, between two spacers, with
 *  the whole's row numbers told. It says which rows are in sight and whether somebody points at them; it changes nothing itself. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { pathOf } from '../address.ts'
import { useCell } from '../cell.ts'
import { useNow } from '../clock.ts'
import { isTyping } from '../keys.ts'
import { grab, hand } from '../store/hand.ts'
import type { JobList, ListState, Row } from '../store/job-list.ts'
import { useNarrow } from '../store/narrow.ts'
import { isChosen, type Picked, toggled } from '../store/picked.ts'
import { recents, seeRecent } from '../store/recent.ts'
import { JOB_STATUSES, jobStatusOf, type Nodes } from '../words/status.ts'
import { Changed, type Column, spansTimes } from './columns.tsx'
import { Link } from './controls.tsx'
import { Mark } from './mark.tsx'

interface JobTableProps {
  readonly list: JobList
  readonly state: ListState
  readonly columns: readonly Column[]
  readonly sort: string
  readonly setSort: (sort: string) => void
  readonly nodes: Nodes
  readonly picked: Picked
  readonly pick: (how: (picked: Picked) => Picked) => void
  /** Whether rows can be chosen and moved. */
  readonly operate: boolean
  /** From, to: for the foot. */
  readonly seen: (from: number, to: number) => void
}

const ROW_PX = 32
const NARROW_ROW_PX = 74
const AROUND = 8

export function JobTable(props: JobTableProps) {
  const { list, state, columns, nodes, picked, pick, operate, seen } = props
  const box = useRef<HTMLElement>(null)
  const [[top, height], setView] = useState<readonly [number, number]>([0, 900])
  const narrow = useNarrow()
  const rowPx = narrow ? NARROW_ROW_PX : ROW_PX
  const first = Math.max(0, Math.floor(top / rowPx) - AROUND)
  const last = Math.min(state.rows.length, Math.ceil((top + height) / rowPx) + AROUND)
  const shown = state.rows.slice(first, last)

  const look = () => {
    const { current } = box
    if (current !== null) setView([current.scrollTop, current.clientHeight])
  }
  useLayoutEffect(() => {
    look()
    const observer = new ResizeObserver(look)
    if (box.current !== null) observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  const ids = shown.map(({ job }) => job._id).join('\n')
  useEffect(() => {
    list.see(first, last)
    seeRecent(shown.map(({ job }) => job._id))
    seen(Math.floor(top / rowPx), Math.min(state.rows.length, Math.ceil((top + height) / rowPx)))
  }, [ids, state.whole])
  useCursorInSight(box, state, picked.cursor, rowPx)

  const holds = (held: boolean) =>
    list.hold(held || picked.jobs.size > 0 || box.current?.contains(document.activeElement) === true)
  useEffect(() => holds(box.current?.matches(':hover') === true), [picked.jobs.size])
  const wide = columns.length + (operate ? 3 : 2)

  return (
    // The box scrolls; a key moves the row of the keyboard, which is brought into sight.
    <section
      ref={box}
      class="list"
      aria-label="Jobs"
      onScroll={look}
      onPointerEnter={() => holds(true)}
      onPointerLeave={() => holds(false)}
      onFocusIn={() => holds(true)}
      onFocusOut={() => holds(false)}
    >
      <table
        class="jobs"
        // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table whose rows are walked through is a grid.
        role="grid"
        aria-rowcount={state.whole ? state.rows.length + 1 : -1}
        aria-multiselectable={operate}
      >
        <Head {...props} />
        <tbody>
          {first > 0 && <Spacer rows={first} px={rowPx} wide={wide} />}
          {shown.map((row, i) => (
            <JobRow
              key={row.job._id}
              state={state}
              row={row}
              index={first + i}
              columns={columns}
              nodes={nodes}
              picked={picked}
              pick={pick}
              operate={operate}
            />
          ))}
          {last < state.rows.length && <Spacer rows={state.rows.length - last} px={rowPx} wide={wide} />}
        </tbody>
      </table>
    </section>
  )
}

function Spacer({ rows, px, wide }: { readonly rows: number; readonly px: number; readonly wide: number }) {
  return (
    <tr class="spacer">
      <td colSpan={wide} style={{ height: `${rows * px}px` }} />
    </tr>
  )
}

/** Follows the keyboard with scroll and focus, unless somebody types. */
function useCursorInSight(
  box: { readonly current: HTMLElement | null },
  { rows }: ListState,
  cursor: string | undefined,
  rowPx: number,
): void {
  useEffect(() => {
    const index = rows.findIndex(({ job }) => job._id === cursor)
    const { current } = box
    if (index < 0 || current === null || isTyping(document.activeElement)) return
    const headPx = current.querySelector('thead')?.clientHeight ?? 0
    const at = index * rowPx
    if (at < current.scrollTop) current.scrollTop = at
    else if (at + rowPx + headPx > current.scrollTop + current.clientHeight) {
      current.scrollTop = at + rowPx + headPx - current.clientHeight
    }
    requestAnimationFrame(() => current.querySelector<HTMLElement>('tr[tabindex="0"]')?.focus({ preventScroll: true }))
  }, [cursor])
}

function Head({ state, columns, sort, setSort, picked, pick, operate }: JobTableProps) {
  const whole = picked.all || (state.rows.length > 0 && picked.jobs.size >= state.rows.length)
  const pickLoaded = () =>
    pick(now =>
      whole
        ? { ...now, jobs: new Map(), all: false }
        : { ...now, jobs: new Map(state.rows.map(({ job }) => [job._id, job])) },
    )
  return (
    <thead>
      <tr>
        {operate && (
          <th scope="col" class="c-box">
            <input
              type="checkbox"
              aria-label="All loaded rows"
              checked={whole}
              ref={box => {
                if (box !== null) box.indeterminate = !whole && picked.jobs.size > 0
              }}
              onChange={pickLoaded}
            />
          </th>
        )}
        <th scope="col" class="c-status">
          <span class="unseen">Status</span>
        </th>
        <SortHead name="job" head="Job" by="_id" sort={sort} setSort={setSort} />
        {columns.map(({ name, head, sort: by, right }) =>
          by === undefined ? (
            <th key={name} scope="col" class={`c-${name} ${right ? 'right' : ''}`}>
              {head}
            </th>
          ) : (
            <SortHead key={name} name={name} head={head} by={by} sort={sort} setSort={setSort} right={right === true} />
          ),
        )}
      </tr>
    </thead>
  )
}

interface SortHeadProps {
  readonly name: string
  readonly head: string
  readonly by: string
  readonly sort: string
  readonly setSort: (sort: string) => void
  readonly right?: boolean
}

function SortHead({ name, head, by, sort, setSort, right = false }: SortHeadProps) {
  const up = sort === by
  const down = sort === `-${by}`
  const next = up && by !== '_id' ? `-${by}` : by
  return (
    <th
      scope="col"
      class={`c-${name} ${right ? 'right' : ''}`}
      aria-sort={up ? 'ascending' : down ? 'descending' : 'none'}
    >
      <button type="button" class="sort" onClick={() => setSort(next)}>
        {head} {up ? '↑' : down ? '↓' : ''}
      </button>
    </th>
  )
}

interface JobRowProps extends Pick<JobTableProps, 'state' | 'columns' | 'nodes' | 'picked' | 'pick' | 'operate'> {
  readonly row: Row
  readonly index: number
}

function JobRow({ row, index, state, columns, nodes, picked, pick, operate }: JobRowProps) {
  const { job } = row
  const now = useNow()
  const recent = useCell(recents).get(job._id)
  const held = useCell(hand)?.jobs.some(({ _id }) => _id === job._id) === true
  const status = jobStatusOf(job, nodes)
  const selected = isChosen(picked, job)
  const cursor = picked.cursor === job._id
  const cell = { row, job, status, recent, now }
  const classes = [
    selected && 'selected',
    cursor && 'cursor',
    row.gone && 'gone',
    held && 'held',
    row.before && 'edited',
  ]
  const grabbed = () => (picked.jobs.has(job._id) ? [...picked.jobs.values()] : [job])
  return (
    <tr
      class={classes.filter(Boolean).join(' ')}
      tabIndex={cursor ? 0 : -1}
      aria-rowindex={index + 2}
      aria-selected={operate ? selected : undefined}
      onPointerDown={event => grab(event, grabbed)}
    >
      {operate && (
        <td class="c-box">
          <input
            type="checkbox"
            aria-label={`Select ${job._id}`}
            checked={selected}
            onChange={() => pick(before => ({ ...toggled(before, job, state), cursor: job._id }))}
          />
        </td>
      )}
      <td class="c-status">
        <Mark status={JOB_STATUSES[status]} label={JOB_STATUSES[status].word} />
      </td>
      <td class="c-job">
        <Link to={pathOf('jobs', job._id)} class="job-name" title={job.name ?? job._id}>
          {job._id}
        </Link>
        {job.name !== undefined && job.name !== job._id && (
          <>
            {' '}
            <span class="support">
              <Changed row={row} value={job.name} of={({ name, _id }) => name ?? _id} />
            </span>
          </>
        )}
        {row.gone && <span class="support gone-word"> removed</span>}
      </td>
      {columns.map(({ name, right, cell: draw }, i) => {
        const spans = name === 'next' && columns[i + 1]?.name === 'yours' && spansTimes(cell)
        if (name === 'yours' && columns[i - 1]?.name === 'next' && spansTimes(cell)) return null
        return (
          <td key={name} class={`c-${name} ${right && !spans ? 'right' : ''}`} colSpan={spans ? 2 : 1}>
            {draw(cell)}
          </td>
        )
      })}
    </tr>
  )
}
