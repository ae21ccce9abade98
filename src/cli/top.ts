/** `tidewheel top`: the whole scheduler on one screen, live: nodes, runs that go on, what comes next, what has ended.
 *  Keys: `/` and text shows only what has that in its name, Escape shows all again, a blank holds the picture, `q` or Ctrl-C ends. */
import { Command } from 'commander'
import { auditTime, catchError, EMPTY, exhaustMap, from, merge, Subject, timer } from 'rxjs'
import { systemClock } from '../clock.ts'
import {
  type Client,
  type Job,
  type JobChange,
  type ListedNode,
  TidewheelError,
  type TidewheelEvent,
} from '../index.ts'
import { type Call, run, withClient, withExample } from './call.ts'
import { EXIT } from './exit-codes.ts'
import { isTerminal } from './output.ts'
import { openScreen } from './screen.ts'
import { type Signal, signals } from './signals.ts'
import { topLines } from './top-view.ts'

const DRAW_MS = 500
const LOOK_MS = 2_000
/** So many ends are kept. */
const ENDS = 100
const COLUMNS = 80
const ROWS = 24
const KEYS = '/ filter  Esc all  blank hold  q quit'

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

/** What a key does to the filter and to the picture. */
export interface Looking {
  readonly filter: string
  /** The filter is being typed. */
  readonly typing: boolean
  readonly held: boolean
  readonly ended?: 'quit' | 'SIGINT'
}

const ESCAPE = '\x1b'
const INTERRUPT = '\x03'

/** What a terminal sends at once: a key with a name of its own (an arrow), or one key a character, however quickly they were typed. */
export const keysOf = (sent: string): readonly string[] => (sent.startsWith(ESCAPE) && sent !== ESCAPE ? [] : [...sent])

export function pressed(looking: Looking, key: string): Looking {
  const { filter, typing, held } = looking
  if (key === INTERRUPT) return { ...looking, ended: 'SIGINT' }
  if (key === ESCAPE) return { ...looking, filter: '', typing: false }
  if (typing) {
    if (key === '\r' || key === '\n') return { ...looking, typing: false }
    if (key === '\x7f' || key === '\b') return { ...looking, filter: filter.slice(0, -1) }
    return /^[^\p{Cc}]+$/u.test(key) ? { ...looking, filter: filter + key } : looking
  }
  if (key === 'q') return { ...looking, ended: 'quit' }
  if (key === '/') return { ...looking, typing: true }
  return key === ' ' ? { ...looking, held: !held } : looking
}

/** Until a key or a signal ends it; answers the signal. Throws what a stream does. */
async function shown(client: Client, first: Promise<Signal>): Promise<Signal | undefined> {
  const jobs = new Map<string, Job>()
  let nodes: readonly ListedNode[] = []
  let ends: readonly TidewheelEvent[] = []
  let away = false
  let looking: Looking = { filter: '', typing: false, held: false }
  const screen = openScreen(process.stdout)
  const draw = () => {
    const { columns = COLUMNS, rows = ROWS } = process.stdout
    const { filter, held } = looking
    if (held) return
    const state = { jobs, nodes, ends, filter }
    screen.show(topLines(state, { columns, rows }, systemClock.now()), lastLine(looking, away))
  }
  const changed$ = new Subject<void>()
  const streams = merge(changed$, timer(0, DRAW_MS, systemClock))
    .pipe(auditTime(DRAW_MS / 2, systemClock))
    .subscribe(draw)
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
      stdin.on('data', key => {
        looking = keysOf(String(key)).reduce(pressed, looking)
        if (looking.ended === undefined) changed$.next()
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

function lastLine({ filter, typing }: Looking, away: boolean): string {
  if (away) return 'the database is away; this is what was known  q quit'
  return typing || filter !== '' ? `/${filter}${typing ? '_' : ''}  ${KEYS}` : KEYS
}
