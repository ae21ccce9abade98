/** `tidewheel top`: the whole scheduler on one screen, live: nodes, runs that go on, what comes next, what has ended.
 *  Keys are those of k9s (top-keys.ts): arrows choose a row, Enter opens it, `/` filters, Escape goes back, `?` lists them, `q` or
 *  Ctrl-C ends. What is typed counts at once, what happens four times a second at most. */
import { Command } from 'commander'
import { auditTime, catchError, EMPTY, exhaustMap, from, fromEvent, map, merge, Subject, switchMap, timer } from 'rxjs'
import { systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import type { Client, Job, JobChange, ListedNode, TidewheelEvent } from '../index.ts'
import { type Call, run, withClient, withExample } from './call.ts'
import { EXIT } from './exit-codes.ts'
import { isTerminal } from './output.ts'
import { openScreen } from './screen.ts'
import { type Signal, signals } from './signals.ts'
import { cut, widthOf } from './table.ts'
import { jobLines, type OpenJob } from './top-job.ts'
import { keysOf, LOOKING, type Looking, pressed, settled, type Target } from './top-keys.ts'
import { type Line, type Size, type TopState, topLines } from './top-view.ts'

const DRAW_MS = 500
const LOOK_MS = 2_000
/** So many ends are kept. */
const ENDS = 100
const COLUMNS = 80
const ROWS = 24
/** So many runs of the job that is open. */
const RUNS = 20
const KEYS = '↑↓ choose  Enter open  / filter  Esc back  blank hold  ? help  q quit'
const HELP = [
  'tidewheel top',
  '',
  '  ↑ ↓  k j   choose a row; scroll where a job is open',
  '  Enter      open the job of the row; of a node: show only what it has',
  '  /          show only what has a text in its name or ip; Enter keeps it',
  '  Esc        back: from the job, from the row, from the filter',
  '  blank      hold the picture, and let it go on',
  '  ?          this help; any key leaves it',
  '  q  Ctrl-C  quit',
  '',
  'Nothing here changes anything. tidewheel jobs --help lists what does.',
]

export const topCommand = () =>
  withExample(
    new Command('top').description('nodes, runs, what comes next and what has ended, live on one screen').action(
      run([], async ({ settings, out }: Call) => {
        if (out.json || !isTerminal() || !process.stdin.isTTY) {
          throw new TidewheelError('invalid_option', 'top: expected a terminal, found none', {
            advice: 'In a pipe use tidewheel events, or tidewheel jobs list --watch.',
          })
        }
        const { first, close } = signals()
        try {
          const signal = await withClient(settings, client => shown(client, first))
          if (signal !== undefined) process.exitCode = EXIT[signal]
        } finally {
          close()
        }
      }),
    ),
    ['tidewheel top'],
  )

/** Until a key or a signal ends it; answers the signal. Throws what a stream does. */
async function shown(client: Client, first: Promise<Signal>): Promise<Signal | undefined> {
  const jobs = new Map<string, Job>()
  let nodes: readonly ListedNode[] = []
  let ends: readonly TidewheelEvent[] = []
  let away = false
  let looking = LOOKING
  let runs: OpenJob['runs']
  let held: (TopState & { readonly now: number }) | undefined
  let targets: readonly Target[] = []
  const screen = openScreen(process.stdout)
  const draw = () => {
    const { columns = COLUMNS, rows = ROWS } = process.stdout
    const live = { jobs, nodes, ends, now: systemClock.now(), filter: '' }
    held = looking.held ? (held ?? { ...live, jobs: new Map(jobs) }) : undefined
    const state = { ...(held ?? live), filter: looking.filter }
    const lines = topLines(state, { columns, rows }, state.now)
    targets = lines.flatMap(({ target }) => target ?? [])
    looking = settled(looking, targets)
    const { shown, above } = shownOf(looking, lines, { state, runs, size: { columns, rows } })
    looking = { ...looking, scrolled: above }
    screen.show(shown.slice(above), cut(lastLine(looking, away), columns))
  }
  const changed$ = new Subject<void>()
  const opened$ = new Subject<void>()
  const streams = merge(changed$, timer(0, DRAW_MS, systemClock))
    .pipe(auditTime(DRAW_MS / 2, systemClock))
    .subscribe(draw)
  streams.add(fromEvent(process.stdout, 'resize').subscribe(draw))
  const { stdin } = process
  stdin.setRawMode(true)
  try {
    return await new Promise<Signal | undefined>((resolve, error) => {
      const nodes$ = timer(0, LOOK_MS, systemClock).pipe(
        // While the database is away, those of before are shown.
        exhaustMap(() => from(client.nodes.list()).pipe(catchError(() => EMPTY))),
      )
      const listed = (found: readonly ListedNode[]) => {
        nodes = found
      }
      const changed = (change: JobChange) => {
        if (change.type === 'put') jobs.set(change.job._id, change.job)
        else jobs.delete(change.id)
        changed$.next()
      }
      const happened = (event: TidewheelEvent) => {
        if (event.type === 'stream.interrupted') away = true
        else if (event.type.startsWith('stream.')) away = false
        else if (/^run\.(?!started)/.test(event.type)) ends = [event, ...ends].slice(0, ENDS)
        changed$.next()
      }
      streams.add(nodes$.subscribe({ next: listed, error }))
      streams.add(client.jobs.changes$().subscribe({ next: changed, error }))
      streams.add(client.events$({ query: { type: 'run' } }).subscribe({ next: happened, error }))
      const runs$ = merge(opened$, timer(0, LOOK_MS, systemClock)).pipe(
        switchMap(() => (looking.open === undefined ? EMPTY : latestOf(client, looking.open))),
      )
      streams.add(
        runs$.subscribe(found => {
          runs = found
          changed$.next()
        }),
      )
      stdin.on('data', sent => {
        const { open } = looking
        for (const key of keysOf(String(sent))) looking = pressed(looking, key, targets)
        if (looking.open !== open) {
          runs = undefined
          opened$.next()
        }
        if (looking.ended === undefined) draw()
        else resolve(looking.ended === 'SIGINT' ? 'SIGINT' : undefined)
      })
      void first.then(resolve)
    })
  } finally {
    streams.unsubscribe()
    stdin.removeAllListeners('data')
    stdin.setRawMode(false)
    stdin.pause()
    screen.close()
  }
}

/** Of one job; while the database is away none. */
const latestOf = (client: Client, job: string) =>
  from(client.history.page({ job, limit: RUNS })).pipe(
    map(({ items }) => items),
    catchError(() => EMPTY),
  )

interface Shown {
  readonly state: TopState & { readonly now: number }
  readonly runs: OpenJob['runs']
  readonly size: Size
}

/** The help, the open job, or all with the chosen row turned round; and how many lines of it are above the screen. */
function shownOf({ help, open, chosen, scrolled }: Looking, lines: readonly Line[], { state, runs, size }: Shown) {
  if (help) return { shown: HELP.map(line => cut(line, size.columns)), above: 0 }
  if (open === undefined) {
    const turned = ({ text, target }: Line) =>
      target !== undefined && target.key === chosen?.key ? inverse(text, size.columns) : text
    return { shown: lines.map(turned), above: 0 }
  }
  const shown = jobLines({ id: open, job: state.jobs.get(open), runs }, size.columns, state.now)
  // No further than until its last line is the last of the screen.
  return { shown, above: Math.min(scrolled, Math.max(0, shown.length - size.rows + 1)) }
}

/** Also where there are no colours. */
const inverse = (text: string, columns: number) =>
  `\x1b[7m${text}${' '.repeat(Math.max(0, columns - widthOf(text)))}\x1b[27m`

function lastLine({ filter, typing, held, open, help }: Looking, away: boolean): string {
  if (away) return 'the database is away; this is what was known  q quit'
  if (help) return 'any key goes on  q quit'
  if (typing) return `/${filter}_  Enter keep  Esc leave`
  const state = [held && 'held', filter !== '' && `/${filter}`, open].filter(Boolean).map(word => `${word}  `)
  if (open !== undefined) return `${state.join('')}↑↓ scroll  Esc back  ? help  q quit`
  return `${state.join('')}${filter === '' ? KEYS : '↑↓ choose  Enter open  Esc all  ? help  q quit'}`
}
