/** `top`: what is on the screen at several sizes, what keys do, and that it wants a terminal. */
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { keysOf, type Looking, pressed } from '../../src/cli/top.ts'
import { type TopState, topLines } from '../../src/cli/top-view.ts'
import type { Job, ListedNode, TidewheelEvent } from '../../src/index.ts'
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
  topLines({ jobs: new Map(jobs.map(job => [job._id, job])), nodes, ends, filter: '', ...state }, size, NOW).map(line =>
    stripVTControlCharacters(line).replace(/ {2,}/g, '  '),
  )

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
  const lines = topLines({ ...state, filter: '' }, { columns, rows }, NOW).map(stripVTControlCharacters)
  expect(lines.length).toBeLessThanOrEqual(rows - 1)
  expect(lines.length).toBeGreaterThan(rows - 6)
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(columns)
})

test('of nothing it shows the sums alone', () => {
  expect(shown({ jobs: new Map(), nodes: [], ends: [] })).toEqual(['0 of 0 nodes living  0 jobs'])
})

describe('keys', () => {
  const START: Looking = { filter: '', typing: false, held: false }
  const once = (...sent: string[]) => sent.flatMap(keysOf).reduce(pressed, START)

  test('a slash and text filter, also pasted; Enter keeps it, Escape takes it away, Backspace a letter', () => {
    expect(once('/', 'd', 'i')).toMatchObject({ filter: 'di', typing: true })
    expect(once('/diq\x7f')).toMatchObject({ filter: 'di', typing: true })
    expect(once('/di', '\r')).toMatchObject({ filter: 'di', typing: false })
    expect(once('/di', '\r', '\x1b')).toEqual(START)
  })

  test('q ends it, but is a letter in a filter; Ctrl-C always ends it', () => {
    expect(once('q').ended).toBe('quit')
    expect(once('/q').ended).toBeUndefined()
    expect(once('/q', '\x03').ended).toBe('SIGINT')
  })

  test('a blank holds the picture and lets it go; arrows and other keys do nothing', () => {
    expect(once(' ').held).toBe(true)
    expect(once(' ', ' ').held).toBe(false)
    expect(once('\x1b[A', 'x', '\x7f')).toEqual(START)
  })
})

test('where there is no terminal: exit 2, and what to use', async () => {
  const { code, stdout, stderr } = await called(['top'], { MONGODB_URI: 'mongodb://127.0.0.1:9' })
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toBe(
    'tidewheel: top: expected a terminal, found none\nIn a pipe use tidewheel events, or tidewheel jobs list --watch.',
  )
})
