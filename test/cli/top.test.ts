/** `top`: what is on the screen at several sizes, what keys do, and that it wants a terminal. */
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { jobLines } from '../../src/cli/top-job.ts'
import { keysOf, LOOKING, pressed, settled, type Target } from '../../src/cli/top-keys.ts'
import { type TopState, topLines } from '../../src/cli/top-view.ts'
import type { Execution, Job, ListedNode, TidewheelEvent } from '../../src/index.ts'
import { called } from '../support/called.ts'
import { aJob, anEntry } from '../support/jobs.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')
const at = (ms: number) => new Date(NOW + ms)

const jobs: readonly Job[] = [
  aJob({ _id: 'later', ip: 'b', next_run_time: at(3_600_000) }),
  aJob({
    _id: 'soon',
    ip: 'a',
    next_run_time: at(5_000),
    state: { last_status: 'error', running: [anEntry({ run_id: 'r9', node: 'a', claimed: at(-65_000), attempt: 2 })] },
  }),
  aJob({ _id: 'held', ip: 'a', next_run_time: null }),
]
const nodes = [
  { _id: 'a', living: true, status: 'active', seen: at(-2_000), lease: 1, jobs: 2, running: 1 },
  { _id: 'b', living: false, status: 'active', seen: at(-600_000), lease: 1 },
] as ListedNode[]
const ends = [
  { type: 'run.error', at: at(-1_000), node: 'a', job_id: 'soon', error: { name: 'Error', message: 'out of paper' } },
  { type: 'run.executed', at: at(-2_000), node: 'b', job_id: 'later' },
] as unknown as TidewheelEvent[]

const shown = (state: Partial<TopState> = {}, size = { columns: 200, rows: 40 }) =>
  linesOf(state, size).map(({ text }) => stripVTControlCharacters(text).replace(/ {2,}/g, '  '))

const linesOf = (state: Partial<TopState> = {}, size = { columns: 200, rows: 40 }) =>
  topLines({ jobs: new Map(jobs.map(job => [job._id, job])), nodes, ends, filter: '', ...state }, size, NOW)

test('sums, nodes, runs that go on, what comes next by its time, what has ended', () => {
  expect(shown()).toEqual([
    '1 of 2 nodes living  3 jobs  2 armed  1 paused  1 running',
    '',
    'NODE  STATUS  JOBS  RUNNING  SEEN',
    'a  active  2  1  2 s ago',
    'b  lost  -  -  10 min ago',
    '',
    'RUNNING  NODE  SINCE  ATTEMPT  RUN',
    'soon  a  1 min ago  2  r9',
    '',
    'NEXT  IP  STATUS  DUE  LAST RUN  FUNC',
    'soon  a  armed+running  in 5 s  error  note',
    'later  b  armed  in 1 h  -  note',
    '',
    'ENDED  NODE  TYPE  JOB  WHY',
    '11:59:59.000Z  a  error  soon  out of paper',
    '11:59:58.000Z  b  executed  later',
  ])
})

test('a filter counts for jobs and nodes, whatever its case; the sums stay', () => {
  const lines = shown({ filter: 'LAT' })
  expect(lines[0]).toMatch(/3 jobs/)
  expect(lines.slice(1).join('\n')).not.toMatch(/soon/)
  expect(lines.slice(1).join('\n')).toMatch(/later/)
})

test.each([
  [80, 24],
  [40, 12],
  [200, 50],
])('%i columns and %i rows are enough for many of everything', (columns, rows) => {
  const many = Array.from({ length: 300 }, (_, i) =>
    aJob({
      _id: `a-job-with-quite-a-long-name-${i}`,
      ip: 'a',
      next_run_time: at(i * 1_000),
      state: { running: [anEntry({ run_id: `r${i}`, claimed: at(-i) })] },
    }),
  )
  const state = {
    jobs: new Map(many.map(job => [job._id, job])),
    nodes: Array.from({ length: 50 }, (_, i) => ({ ...nodes[0], _id: `n${i}` }) as ListedNode),
    ends: Array.from({ length: 100 }, () => ends[0] as TidewheelEvent),
  }
  const lines = topLines({ ...state, filter: '' }, { columns, rows }, NOW).map(({ text }) =>
    stripVTControlCharacters(text),
  )
  expect(lines.length).toBeLessThanOrEqual(rows - 1)
  expect(lines.length).toBeGreaterThan(rows - 6)
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(columns)
})

test('of nothing it shows the sums alone', () => {
  expect(shown({ jobs: new Map(), nodes: [], ends: [] })).toEqual(['0 of 0 nodes living  0 jobs'])
})

test('a filter also shows what has no next run', () => {
  expect(shown({ filter: 'held' }).join('\n')).toMatch(/^held {2}a {2}paused {2}- {2}/m)
  expect(shown().join('\n')).not.toMatch(/^held/m)
})

test('a line says for which node or job it stands, and for no other row', () => {
  const targets = linesOf().flatMap(({ target }) => target ?? [])
  expect(targets.map(({ kind, id }) => `${kind} ${id}`)).toEqual(
    ['node a', 'node b', 'job soon', 'job soon', 'job later', 'job soon', 'job later'], // running, next, ended
  )
  expect(new Set(targets.map(({ key }) => key)).size).toBe(targets.length)
})

test('a job as a whole: its document and its runs, cut to the width; a job that is gone', () => {
  const job = aJob({ _id: 'digest', kwargs: { to: 'x'.repeat(300) }, state: { last_status: 'error' } })
  const runs = [
    { _id: 'r1', run_time: at(-5_000), ip: 'a', status: 'error', late: 2, duration: 4_200, exception: 'E: no' },
  ]
  const open = { id: 'digest', job, runs: runs as unknown as Execution[] }
  const lines = jobLines(open, 80, NOW).map(line => stripVTControlCharacters(line).replace(/ {2,}/g, '  '))
  expect(lines[0]).toBe('digest  new')
  expect(lines).toEqual(expect.arrayContaining([expect.stringMatching(/^kwargs .*…$/), 'state.last_status  error']))
  expect(lines.at(-1)).toBe('5 s ago  a  error  2 ms  4.2 s  r1  E: no')
  expect(jobLines({ id: 'digest', job: undefined, runs: [] }, 80, NOW)).toEqual([
    'digest  is gone',
    '',
    '',
    'It has not run yet.',
  ])
})

describe('keys', () => {
  const targets: readonly Target[] = [
    { key: 'node a', kind: 'node', id: 'a' },
    { key: 'next soon', kind: 'job', id: 'soon' },
    { key: 'next later', kind: 'job', id: 'later' },
  ]
  const once = (...sent: string[]) =>
    sent.flatMap(keysOf).reduce((looking, key) => pressed(looking, key, targets), LOOKING)
  const [UP, DOWN] = ['\x1b[A', '\x1b[B']

  test('a slash and text filter, also pasted; Enter keeps it, Escape takes it away, Backspace a letter', () => {
    expect(once('/', 'd', 'i')).toMatchObject({ filter: 'di', typing: true })
    expect(once('/diq?j\x7f')).toMatchObject({ filter: 'diq?', typing: true, help: false })
    expect(once('/di', '\r')).toMatchObject({ filter: 'di', typing: false })
    expect(once('/di', '\r', '\x1b')).toEqual(LOOKING)
    expect(once('/di', '\x1b')).toEqual(LOOKING)
  })

  test('q ends it, but is a letter in a filter; Ctrl-C always ends it', () => {
    expect(once('q').ended).toBe('quit')
    expect(once('/q').ended).toBeUndefined()
    for (const before of ['/q', '?', '']) expect(once(before, '\x03').ended).toBe('SIGINT')
  })

  test('arrows choose a row and stay within them, however many come at once', () => {
    expect(once(DOWN).chosen?.key).toBe('node a')
    expect(once(`${DOWN}${DOWN}`).chosen?.key).toBe('next soon')
    expect(once(`${DOWN}\x1bOBj`).chosen?.key).toBe('next later')
    expect(once(DOWN, DOWN, DOWN, DOWN).chosen?.key).toBe('next later')
    expect(once(UP).chosen?.key).toBe('next later')
    expect(once(UP, UP, 'k', 'k').chosen?.key).toBe('node a')
    expect(once(DOWN, '\x1b')).toEqual(LOOKING)
    expect(pressed(LOOKING, DOWN, [])).toEqual(LOOKING)
  })

  test('the chosen row is followed where it goes; when it is gone the one in its place is chosen', () => {
    const [node, soon, later] = targets as [Target, Target, Target]
    const chosen = once(DOWN, DOWN)
    expect(settled(chosen, [soon, node, later]).chosen).toEqual({ key: 'next soon', at: 0 })
    expect(settled(chosen, [node, later]).chosen).toEqual({ key: 'next later', at: 1 })
    expect(settled(chosen, [node]).chosen).toEqual({ key: 'node a', at: 0 })
    expect(settled(chosen, []).chosen).toBeUndefined()
  })

  test('a slash begins a new filter', () => {
    expect(once('/di', '\r', '/')).toMatchObject({ filter: '', typing: true })
  })

  test('Enter opens the job of the row, where arrows scroll; Escape goes back to the row', () => {
    const chosen = { key: 'next soon', at: 1 }
    const open = once(DOWN, DOWN, '\r')
    expect(open).toMatchObject({ open: 'soon', scrolled: 0 })
    expect(once(DOWN, DOWN, '\r', DOWN, DOWN, UP)).toMatchObject({ open: 'soon', scrolled: 1, chosen })
    expect(once(DOWN, DOWN, '\r', UP).scrolled).toBe(0)
    expect(once(DOWN, DOWN, '\r', DOWN, '\x1b')).toMatchObject({ open: undefined, scrolled: 0, chosen })
  })

  test('Enter on a node shows what it has; without a chosen row it does nothing', () => {
    expect(once(DOWN, '\r')).toEqual({ ...LOOKING, filter: 'a' })
    expect(once('\r')).toEqual(LOOKING)
  })

  test('a question mark helps, and the next key only leaves the help', () => {
    expect(once('?').help).toBe(true)
    expect(once('?', '/')).toEqual(LOOKING)
    expect(once('?', '\x1b[B')).toEqual(LOOKING)
  })

  test('a blank holds the picture and lets it go; other keys do nothing', () => {
    expect(once(' ').held).toBe(true)
    expect(once(' ', ' ').held).toBe(false)
    expect(once('\x1b[5~', '\x1b[C', '\x1bx', 'x', '\x7f', '\t')).toEqual(LOOKING)
  })
})

test('where there is no terminal: exit 2, and what to use', async () => {
  const { code, stdout, stderr } = await called(['top'], { MONGODB_URI: 'mongodb://127.0.0.1:9' })
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toBe(
    'tidewheel: top: expected a terminal, found none\nIn a pipe use tidewheel events, or tidewheel jobs list --watch.',
  )
})
