/** The judge judged: for each failure and each tolerance, a history by hand that it has to find and one that it has to pass.
 *  One job, `j`, runs each ten seconds on n0 (at 5 s, 15 s … 75 s), once more at 85 s after the read; what a case says happened
 *  otherwise. Times are milliseconds after the start of the run. All histories are judged by one process. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** One start (or none) and one row (or none) of a time. */
interface Told {
  readonly id?: string
  /** Ms after the run time; null: nothing started. Default 5. */
  readonly after?: number | null
  readonly ms?: number
  readonly ip?: string
  /** How the witness saw it end; null: not at all. Default done. */
  readonly how?: 'done' | 'failed' | 'aborted' | null
  /** Status of the row; null: it has none. Default executed. */
  readonly row?: string | null
  readonly attempt?: number
  readonly coalesced?: number
  readonly scheduled?: boolean
  /** When it was claimed, in ms after the run time. Default: as it started. */
  readonly claimed?: number
  /** When its row says that it was over, in ms after the run time. Default: its end; an interruption is told 12 s later. */
  readonly told?: number
  readonly args?: readonly unknown[]
  readonly executor?: string
}
type Doc = Readonly<Record<string, unknown>>
type Line = Doc & { readonly at: number }

interface Story {
  readonly job?: Doc
  /** Kind, from, to, nodes (default n0). */
  readonly faults?: readonly (readonly [string, number, number, (readonly string[])?, Doc?])[]
  /** Kind, when, what was written. */
  readonly edits?: readonly (readonly [string, number, Doc, Doc?])[]
  /** What became of a time, where it is not the usual. */
  readonly runs?: Readonly<Record<number, Told | readonly Told[] | null>>
  /** Nothing runs from, to. */
  readonly idle?: readonly [number, number]
  readonly lines?: readonly Line[]
  /** The document after the calm, where it is not the usual; null: gone. */
  readonly doc?: Doc | null
  readonly final?: Doc
  /** Killed at that time: ip, when. */
  readonly exits?: readonly (readonly [string, number])[]
  /** Runs of other jobs. */
  readonly lease?: number
  /** The nodes' logs say nothing. */
  readonly silent?: boolean
  readonly others?: readonly (Told & { readonly job: string; readonly t: number })[]
}

const BASE = 1_700_000_000_000
const at = (ms: number) => BASE + ms
const day = (ms: number) => ({ date: at(ms) })
const TIMES = [5, 15, 25, 35, 45, 55, 65, 75].map(second => second * 1_000)
const TRIGGER = { type: 'interval', seconds: 10, start_date: day(5_000) }
const JOB = { _id: 'j', func: 'witness:note', ip: 'n0', trigger: TRIGGER, args: ['v1'], kwargs: { ms: 10 }, x_ver: 1 }
const op = (ms: number) => [Math.floor(at(ms) / 1_000), (((ms % 1_000) + 1_000) % 1_000) + 1]
const fence = (ms: number) => {
  const [second = 0, count = 0] = op(ms)
  return String((BigInt(second) << 32n) + BigInt(Math.floor(count)))
}

function write(folder: string, story: Story): void {
  mkdirSync(folder, { recursive: true })
  const lines: Line[] = [
    { at: at(-5_000), f: 'clock', wall: BASE, mono: 0 },
    ...['n0', 'n1', 'n2'].map((ip, i) => ({ at: at(-4_000), f: 'process', what: 'start', ip, pid: i + 1 })),
    { at: at(0), f: 'phase', what: 'begin', leaseMs: story.lease ?? 6_000 },
    { at: at(60_000), f: 'phase', what: 'healed' },
    { at: at(80_000), f: 'phase', what: 'calm' },
    { at: at(81_000), f: 'phase', what: 'drained', codes: [0, 0, 0] },
    { at: at(82_000), f: 'phase', what: 'read' },
    ...(story.lines ?? []).map(line => ({ ...line, at: at(line.at) })),
  ]
  const job: Record<string, unknown> = { ...JOB, ...story.job }
  const edits = [['insert', -1_000, job, {}] as const, ...(story.edits ?? [])]
  edits.forEach(([kind, ms, what, more], i) => {
    const line = { f: 'edit', job: 'j', kind, ver: i + 1, what, lo: at(ms - 2), hi: at(ms + 2), type: 'ok', op: op(ms) }
    lines.push({ at: at(ms), ...line, ...more })
  })
  story.faults?.forEach(([kind, from, to, nodes = ['n0'], more], id) => {
    const fault = { f: 'fault', id, kind, ms: to - from, nodes, logs: {}, ...more }
    lines.push({ ...fault, at: at(from), type: 'invoke' }, { ...fault, at: at(to), type: 'ok' })
  })
  for (const [ip, ms] of story.exits ?? []) {
    const pid = Number(ip.slice(1)) + 1
    lines.push({ at: at(ms), f: 'process', what: 'exit', ip, pid, code: null, signal: 'SIGKILL', asked: true })
  }
  /** A node that was killed is started again, as another process. */
  const pidOf = (ip: string, ms: number) =>
    Number(ip.slice(1)) + (story.exits?.some(([of, when]) => of === ip && when < ms) ? 11 : 1)
  const witness: Doc[] = []
  const rows: Doc[] = []
  const tell = (of: string, t: number, i: number, told: Told): void => {
    const { after = 5, ms = 10, ip = 'n0', how = 'done', row = 'executed', attempt = 1, coalesced = 1 } = told
    const { args = ['v1'], id = `${of}-${t}-${i}`, scheduled = true, executor = 'default', claimed = after ?? 0 } = told
    const { told: over = row === 'interrupted' ? 12_000 : (after ?? 0) + ms } = told
    const [mono, pid] = [(t + (after ?? 0)) * 1_000, pidOf(ip, t + (after ?? 0))]
    const start = { type: 'start', mono, ip, pid, job: of, run: id, sched: at(t), attempt, args, ver: 1, executor }
    if (after !== null) witness.push({ ...start, fence: fence(t + claimed) })
    if (after !== null && how !== null)
      witness.push({ type: 'end', mono: mono + ms * 1_000, pid, job: of, run: id, how })
    const dates = { run_time: day(t), claimed: day(t + claimed), finished: day(t + over) }
    if (row !== null)
      rows.push({ _id: id, job_id: of, status: row, ip, node: ip, attempt, coalesced, scheduled, ...dates })
  }
  for (const t of new Set([...TIMES, ...Object.keys(story.runs ?? {}).map(Number)])) {
    const idle = story.idle !== undefined && t >= story.idle[0] && t <= story.idle[1]
    const told = story.runs?.[t] ?? (story.runs?.[t] === null || idle ? [] : {})
    ;[told].flat().forEach((one: Told, i) => {
      tell('j', t, i, one)
    })
  }
  for (const { job: of, t, ...told } of story.others ?? []) tell(of, t, 0, told)
  const doc = { ...job, next_run_time: day(85_000), state: { running: [] }, ...story.doc }
  const docs = story.doc === null ? [] : [doc]
  const text = (list: readonly Doc[]) => list.map(one => `${JSON.stringify(one)}\n`).join('')
  writeFileSync(join(folder, 'history.jsonl'), text(lines))
  writeFileSync(join(folder, 'witness-n0.jsonl'), text(witness))
  if (story.silent !== true) writeFileSync(join(folder, 'node-n0.log'), '{"level":40}\n')
  writeFileSync(join(folder, 'final-executions.jsonl'), text(rows))
  writeFileSync(join(folder, 'calm-jobs.jsonl'), text(docs))
  writeFileSync(join(folder, 'final-jobs.jsonl'), text(docs.map(one => ({ ...one, ...story.final }))))
}

/** Class, what it is about, the history to be found, the one to be passed. */
type Case = readonly [string, string, Story, Story]

const un = (row: string, more: Told = {}): Told => ({ after: null, row, ...more })
/** Killed with its node. */
const killed = (more: Told = {}): Told => ({ how: null, row: 'interrupted', ...more })
const failed = (more: Told = {}): Told => ({ how: 'failed', row: 'error', ...more })
/** A run id begins with the second in which it was made. */
const made = (ms: number): Told => ({ id: `${Math.floor(at(ms) / 1_000).toString(16)}0000` })
const RETRY = { retry: { max_attempts: 2, delay: 1 } }
const set = (fields: Doc): Doc => ({ $set: fields })
/** Claimed ahead, and aborted soon after its start. */
const OUSTED: Told = { ms: 90, how: 'aborted', row: 'cancelled', claimed: -60 }
const PAUSE = set({ next_run_time: null })
const RESUME = { $unset: { next_run_time: '' } }
const SAME: Story = {}
const { ip: _, ...NOWHERE } = JOB

/** Given to n1 for a time just past, and run on n2. */
const GIVEN: Story = {
  edits: [['replace', 32_000, { ...JOB, ip: 'n1', standby: 'any', next_run_time: day(31_000) }]],
  idle: [35_000, 80_000],
  doc: { ip: 'n2', standby: 'any', next_run_time: day(81_000) },
}
const AFTER_GIVEN = {
  ...Object.fromEntries([51, 61, 71].map(s => [s * 1_000, { ip: 'n2' }])),
  41000: { ip: 'n2', after: 200, coalesced: 2 },
}
/** By a clock that is 20 s ahead the run of 45 s is claimed at 25 s; before it starts, somebody orders one for 28 s. */
const BEHIND: Story = {
  faults: [['server-clock', 22_000, 30_000, ['n0'], { amount: 20 }]],
  edits: [['order', 28_000, set({ next_run_time: day(28_000) })]],
  idle: [25_000, 80_000],
  doc: { next_run_time: day(88_000) },
}
const AFTER_BEHIND = {
  ...Object.fromEntries([58, 68, 78].map(s => [s * 1_000, made(s * 1_000)])),
  45000: { ...made(25_000), claimed: -20_040, coalesced: 3 },
}
/** The run of 35 s waits until 37 s. */
const QUEUED: Story = {
  job: { overlap: 'queue_one' },
  runs: { 25000: { ms: 12_000 }, 35000: null },
  idle: [45_000, 80_000],
  doc: null,
}
/** The run of 25 s waits until 47 s, and those that come meanwhile are refused. */
const REFUSED: Story = {
  job: { overlap: 'queue_one' },
  runs: { 15000: { ms: 32_000 }, 25000: null, 35000: un('max_instances'), 45000: un('max_instances') },
  idle: [55_000, 80_000],
  doc: null,
}
/** The run of 25 s fails at 36 s. */
const PAUSED_LATE: Story = {
  job: { max_instances: 2, pause_after_failures: 1 },
  runs: { 25000: failed({ ms: 11_000 }), 35000: null },
  idle: [45_000, 80_000],
  doc: { next_run_time: null },
}

/** Claimed, and made to go by the next run before it started. */
const SUCCEEDED: Story = {
  job: { overlap: 'cancel_other' },
  runs: { 35000: un('cancelled', { told: 10_100 }), 45000: { after: 300 } },
}
/** Planned by a person after two failures, and paused by the third. */
const TWICE_FAILED: Story = {
  job: { pause_after_failures: 2 },
  runs: { 15000: failed(), 25000: failed(), 35000: failed() },
  edits: [['resume', 28_000, RESUME]],
  idle: [45_000, 80_000],
  doc: { next_run_time: null },
}

const LOST: readonly Case[] = [
  ['F1', 'a time without a start and without a row is lost', { runs: { 35000: null } }, SAME],
  [
    'F1',
    'a time without a row is lost under a fault, too, unless a later run counts it',
    { faults: [['cut', 34_000, 40_000]], runs: { 35000: null } },
    { faults: [['cut', 34_000, 40_000]], runs: { 35000: null, 45000: { coalesced: 2 } } },
  ],
  [
    'F1',
    'a row interrupted excuses nothing in quiet',
    { runs: { 35000: un('interrupted') } },
    { runs: { 35000: un('interrupted') }, faults: [['node-kill', 34_900, 36_000]] },
  ],
  [
    'F1',
    'a fault excuses on the hosts that it hit',
    { runs: { 35000: un('interrupted') }, faults: [['node-kill', 34_900, 36_000, ['n1']]] },
    { runs: { 35000: un('interrupted') }, faults: [['step-down', 34_900, 36_000, ['n0', 'n1', 'n2']]] },
  ],
  [
    'F1',
    'RECOVERY and LEAD: a fault excuses for ten seconds after its heal, and what was claimed half a second before its time',
    { runs: { 35000: un('interrupted') }, faults: [['cut', 20_000, 24_400]] },
    { runs: { 35000: un('interrupted') }, faults: [['cut', 20_000, 24_600]] },
  ],
  [
    'F1',
    'a load ends no run: it excuses one that was missed, not one interrupted',
    { runs: { 35000: un('interrupted') }, faults: [['storm', 34_000, 36_000]] },
    { job: { misfire_grace_time: 2 }, runs: { 35000: un('missed') }, faults: [['storm', 34_000, 36_000]] },
  ],
  [
    'F1',
    'a reset of the line ends no run, nor does a cut that is shorter than most of a lease',
    {
      runs: { 35000: un('interrupted') },
      faults: [
        ['reset', 34_990, 35_010],
        ['answer-lost', 45_000, 45_400],
      ],
    },
    { runs: { 35000: un('interrupted') }, faults: [['answer-lost', 34_000, 38_000]] },
  ],
  [
    'F1',
    'HELD: nothing is told as interrupted before the lease of its node could be lost',
    { runs: { 35000: un('interrupted', { told: 2_600 }) }, faults: [['answer-lost', 35_100, 47_000]] },
    { runs: { 35000: un('interrupted', { told: 2_800 }) }, faults: [['answer-lost', 35_100, 47_000]] },
  ],
  [
    'F1',
    'a row missed needs a grace in which nothing could be run',
    { runs: { 35000: un('missed') }, faults: [['cut', 34_000, 36_000]] },
    { job: { misfire_grace_time: 3 }, runs: { 35000: un('missed') }, faults: [['cut', 34_000, 36_000]] },
  ],
  [
    'F1',
    'nothing is missed whose grace has no end',
    {
      job: { misfire_grace_time: null },
      runs: { 35000: un('missed') },
      faults: [['majority-lost', 34_000, 45_000]],
    },
    {
      job: { misfire_grace_time: null },
      runs: { 35000: { after: 11_000 } },
      faults: [['majority-lost', 34_000, 45_000]],
      lines: [{ at: 45_000, f: 'said' }],
    },
  ],
  ['F1', 'a row missed excuses nothing in quiet', { runs: { 35000: un('missed') } }, SAME],
  ['F1', 'a row cancelled excuses nothing in quiet', { runs: { 35000: un('cancelled') } }, SAME],
  [
    'F1',
    'a row cancelled without a start is explained by a drain of its node',
    { runs: { 35000: un('cancelled') }, faults: [['cut', 34_000, 36_000]] },
    { runs: { 35000: un('cancelled') }, faults: [['drain', 34_000, 36_000]] },
  ],
  [
    'F1',
    'a time is not swallowed by a later run in quiet',
    { runs: { 35000: null, 45000: { coalesced: 2 } } },
    { runs: { 35000: null, 45000: { coalesced: 2 } }, faults: [['node-kill', 34_000, 40_000]] },
  ],
  [
    'F1',
    'a time that could have run for two seconds is not swallowed, though a fault was near',
    { runs: { 35000: null, 45000: { coalesced: 2 } }, faults: [['cut', 25_000, 25_500]] },
    { runs: { 35000: null, 45000: { coalesced: 2 } }, faults: [['cut', 25_000, 33_500]] },
  ],
  [
    'F1',
    'a row max_instances counts only with as many runs seen',
    { runs: { 35000: un('max_instances') } },
    { runs: { 25000: { ms: 12_000 }, 35000: un('max_instances') } },
  ],
  [
    'F1',
    'FINISH: a place is free a quarter of a second after its run',
    { runs: { 25000: { ms: 9_700 }, 35000: un('max_instances') } },
    { runs: { 25000: { ms: 9_760 }, 35000: un('max_instances') } },
  ],
  [
    'F1',
    'a place that is free is free though another run goes on',
    { job: { max_instances: 2 }, runs: { 25000: { ms: 12_000 }, 35000: un('max_instances') } },
    {
      job: { max_instances: 2 },
      runs: { 15000: { ms: 22_000 }, 25000: { ms: 12_000 }, 35000: un('max_instances') },
    },
  ],
  [
    'F1',
    'a run whose node was killed counts until it is told dead, not in quiet',
    { runs: { 25000: { ms: 100 }, 35000: un('max_instances') }, faults: [['node-kill', 34_000, 34_500, ['n1']]] },
    {
      runs: { 25000: killed({ ms: 0 }), 35000: un('max_instances') },
      faults: [['node-kill', 27_000, 30_000]],
      exits: [['n0', 27_000]],
    },
  ],
  [
    'F1',
    'queue_one: a second one that waits is refused, the first is not',
    { job: { overlap: 'queue_one' }, runs: { 25000: { ms: 12_000 }, 35000: un('max_instances') } },
    {
      job: { overlap: 'queue_one' },
      runs: { 25000: { ms: 22_000 }, 35000: { after: 12_100 }, 45000: un('max_instances') },
    },
  ],
  [
    'F1',
    'queue_one: it waits as long as there is no place, not longer',
    { job: { overlap: 'queue_one' }, runs: { 25000: { ms: 12_000 }, 35000: { after: 5_000 } } },
    { job: { overlap: 'queue_one' }, runs: { 25000: { ms: 12_000 }, 35000: { after: 2_500 } } },
  ],
  [
    'F1',
    'queue_one: what waits for a place may meet a fault, and then a place that comes and a fault that goes count together',
    {
      job: { overlap: 'queue_one' },
      runs: { 25000: { ms: 12_000 }, 35000: { after: 9_000 } },
      faults: [['cut', 12_000, 14_000]],
    },
    {
      job: { overlap: 'queue_one' },
      runs: { 25000: { ms: 14_000 }, 35000: { after: 9_000 } },
      faults: [['cut', 38_500, 43_000]],
    },
  ],
  [
    'F1',
    'queue_one: a run is interrupted by a fault that comes when it has its place, not by a later one',
    {
      job: { overlap: 'queue_one' },
      runs: { 25000: { ms: 12_000 }, 35000: un('interrupted', { claimed: 2_050, told: 9_000 }) },
      faults: [['cut', 60_000, 66_000]],
    },
    {
      job: { overlap: 'queue_one' },
      runs: { 25000: { ms: 12_000 }, 35000: un('interrupted', { claimed: 2_050, told: 9_000 }) },
      faults: [['cut', 37_000, 46_000]],
    },
  ],
  [
    'F1',
    'cancel_other: the oldest is aborted, the next one runs',
    { job: { overlap: 'cancel_other' }, runs: { 25000: { ms: 12_000 }, 35000: un('max_instances') } },
    {
      job: { overlap: 'cancel_other' },
      runs: { 25000: { ms: 10_050, how: 'aborted', row: 'cancelled' }, 35000: { after: 200 } },
    },
  ],
  [
    'F1',
    'LATE: in quiet a start comes within two seconds',
    { runs: { 35000: { after: 2_300 } } },
    { runs: { 35000: { after: 1_900 } } },
  ],
  [
    'F1',
    'jitter puts a start off by so much at most',
    { job: { trigger: { ...TRIGGER, jitter: 1 } }, runs: { 35000: { after: 3_200 } } },
    { job: { trigger: { ...TRIGGER, jitter: 1 } }, runs: { 35000: { after: 2_800 } } },
  ],
  [
    'F1',
    'EDGE: what was due half a second before a pause ran',
    { edits: [['pause', 35_600, PAUSE]], idle: [35_000, 80_000], doc: { next_run_time: null } },
    { edits: [['pause', 35_400, PAUSE]], idle: [35_000, 80_000], doc: { next_run_time: null } },
  ],
  [
    'F1',
    'EDGE: what is due half a second after a resume runs',
    {
      edits: [
        ['pause', 32_000, PAUSE],
        ['resume', 34_400, RESUME],
      ],
      runs: { 35000: null },
    },
    {
      edits: [
        ['pause', 32_000, PAUSE],
        ['resume', 34_600, RESUME],
      ],
      runs: { 35000: null },
    },
  ],
  [
    'F1',
    'PLACING: a job without a node runs from two seconds after it was stored',
    { edits: [['insert', 32_900, NOWHERE]], runs: { 35000: null }, doc: { ip: 'n0' } },
    { edits: [['insert', 33_100, NOWHERE]], runs: { 35000: null }, doc: { ip: 'n0' } },
  ],
  [
    'F1',
    'an edit of another field excuses nothing',
    { edits: [['tags', 35_100, set({ tags: ['t2'] })]], runs: { 35000: null }, doc: { tags: ['t2'] } },
    { edits: [['tags', 35_100, set({ tags: ['t2'] })]], doc: { tags: ['t2'] } },
  ],
  [
    'F1',
    'a run is cancelled before its start by a person only',
    { edits: [['cancel', 36_000, set({ cancel: '*' })]], runs: { 35000: un('cancelled') } },
    { edits: [['cancel', 35_200, set({ cancel: '*' })]], runs: { 35000: un('cancelled') } },
  ],
  [
    'F1',
    'an order runs',
    { edits: [['order', 32_000, set({ next_run_time: day(32_000) })]], idle: [33_000, 80_000] },
    {
      edits: [['order', 32_000, set({ next_run_time: day(32_000) })]],
      idle: [33_000, 80_000],
      runs: { ...Object.fromEntries([32, 42, 52, 62, 72].map(s => [s * 1_000, {}])) },
      doc: { next_run_time: day(82_000) },
    },
  ],
  [
    'F1',
    'an order is replaced by an edit that follows within half a second',
    {
      edits: [
        ['order', 32_000, set({ next_run_time: day(32_000) })],
        ['pause', 32_600, PAUSE],
      ],
      idle: [33_000, 80_000],
      doc: { next_run_time: null },
    },
    {
      edits: [
        ['order', 32_000, set({ next_run_time: day(32_000) })],
        ['pause', 32_400, PAUSE],
      ],
      idle: [33_000, 80_000],
      doc: { next_run_time: null },
    },
  ],
  [
    'F1',
    'an order for later is replaced by an edit before its time',
    {
      edits: [
        ['order', 32_000, set({ next_run_time: day(34_000) })],
        ['pause', 34_600, PAUSE],
      ],
      idle: [33_000, 80_000],
      doc: { next_run_time: null },
    },
    {
      edits: [
        ['order', 32_000, set({ next_run_time: day(34_000) })],
        ['pause', 33_400, PAUSE],
      ],
      idle: [33_000, 80_000],
      doc: { next_run_time: null },
    },
  ],
  [
    'F4',
    'a resume beside the failure that pauses a job may come after it',
    { job: { pause_after_failures: 1 }, runs: { 25000: failed() }, edits: [['resume', 24_000, RESUME]] },
    { job: { pause_after_failures: 1 }, runs: { 25000: failed() }, edits: [['resume', 25_200, RESUME]] },
  ],
  [
    'F1',
    'a job that the cluster places may be given at a rebalance to a node that is cut off then',
    givenAway([]),
    givenAway([['rebalance', 33_000, 33_050, []]]),
  ],
  [
    'F1',
    'a resume beside the failure that pauses a job may come before it, and then it rests until the next one',
    resumedTwice(26_000),
    resumedTwice(25_200),
  ],
  [
    'F1',
    'an extra run runs',
    { edits: [['extra', 32_000, { $push: { run_at: day(32_000) } }]] },
    {
      edits: [['extra', 32_000, { $push: { run_at: day(32_000) } }]],
      runs: { 32000: { scheduled: false } },
    },
  ],
  [
    'F1',
    'an extra run is refused only with as many runs seen',
    {
      edits: [['extra', 32_000, { $push: { run_at: day(32_000) } }]],
      runs: { 32000: un('max_instances', { scheduled: false }) },
    },
    {
      edits: [['extra', 32_000, { $push: { run_at: day(32_000) } }]],
      runs: { 25000: { ms: 8_000 }, 32000: un('max_instances', { scheduled: false }) },
    },
  ],
  [
    'F1',
    'an order that comes to one refusal with the next time is counted by it',
    {
      job: { trigger: { type: 'cron', second: '5-59/10' } },
      edits: [['order', 34_000, set({ next_run_time: day(34_000) })]],
      faults: [['cut', 33_000, 35_500]],
      runs: { 25000: { ms: 12_000 }, 35000: un('max_instances', { coalesced: 1 }) },
    },
    {
      job: { trigger: { type: 'cron', second: '5-59/10' } },
      edits: [['order', 34_000, set({ next_run_time: day(34_000) })]],
      faults: [['cut', 33_000, 35_500]],
      runs: { 25000: { ms: 12_000 }, 35000: un('max_instances', { coalesced: 2 }) },
    },
  ],
  [
    'F1',
    'a cron job whose order nobody knows of still owes its times',
    {
      job: { trigger: { type: 'cron', second: '5-59/10' } },
      edits: [['order', 32_000, set({ next_run_time: day(32_000) }), { type: 'info', op: null }]],
      runs: {},
      idle: [55_000, 55_000],
    },
    {
      job: { trigger: { type: 'cron', second: '5-59/10' } },
      edits: [['order', 32_000, set({ next_run_time: day(32_000) }), { type: 'info', op: null }]],
    },
  ],
  [
    'F1',
    'a job given to a host that is not there is owed when it comes back',
    {
      edits: [
        ['move', 32_000, set({ ip: 'n9' })],
        ['move', 37_000, set({ ip: 'n0' })],
      ],
      idle: [35_000, 45_000],
    },
    {
      edits: [
        ['move', 32_000, set({ ip: 'n9' })],
        ['move', 37_000, set({ ip: 'n0' })],
      ],
      runs: { 35000: { after: 2_500 } },
    },
  ],
  [
    'F1',
    'AWAY: while the collection was away nothing is owed, three seconds after it is',
    { faults: [['renamed', 28_000, 31_500]], runs: { 35000: null } },
    { faults: [['renamed', 28_000, 32_500]], runs: { 35000: null } },
  ],
  [
    'F1',
    'a failed run is tried again',
    { job: { retry: { max_attempts: 2, delay: 1 } }, runs: { 35000: { how: 'failed', row: 'error' } } },
    {
      job: { retry: { max_attempts: 2, delay: 1 } },
      runs: {
        35000: [
          { how: 'failed', row: 'error' },
          { after: 1_100, attempt: 2 },
        ],
      },
    },
  ],
  [
    'F1',
    'a next attempt comes within two seconds of its delay',
    {
      job: { retry: { max_attempts: 2, delay: 1 } },
      runs: {
        35000: [
          { how: 'failed', row: 'error' },
          { after: 3_500, attempt: 2 },
        ],
      },
    },
    {
      job: { retry: { max_attempts: 2, delay: 1 } },
      runs: {
        35000: [
          { how: 'failed', row: 'error' },
          { after: 2_900, attempt: 2 },
        ],
      },
    },
  ],
  [
    'F1',
    'a run is not aborted for nothing',
    { runs: { 35000: { ms: 3_000, how: 'aborted', row: 'cancelled' } } },
    {
      runs: { 35000: { ms: 3_000, how: 'aborted', row: 'cancelled' } },
      edits: [['cancel', 38_000, set({ cancel: '*' })]],
    },
  ],
  [
    'F1',
    'a run is not aborted by the cancel of another one',
    {
      runs: { 35000: { ms: 3_000, how: 'aborted', row: 'cancelled' } },
      edits: [['cancel', 38_000, set({ cancel: 'j-25000-0' }), { run: 'j-25000-0' }]],
    },
    {
      runs: { 35000: { ms: 3_000, how: 'aborted', row: 'cancelled' } },
      edits: [['cancel', 38_000, set({ cancel: 'j-35000-0' }), { run: 'j-35000-0' }]],
    },
  ],
  [
    'F1',
    'a job is paused by as many failures as it says, not by fewer',
    {
      job: { pause_after_failures: 3 },
      runs: { 15000: { how: 'failed', row: 'error' }, 25000: { how: 'failed', row: 'error' } },
      idle: [35_000, 80_000],
      doc: { next_run_time: null },
    },
    {
      job: { pause_after_failures: 2 },
      runs: { 15000: { how: 'failed', row: 'error' }, 25000: { how: 'failed', row: 'error' } },
      idle: [35_000, 80_000],
      doc: { next_run_time: null },
    },
  ],
  [
    'F4',
    'a collection that was dropped comes back as it was read before that: a failure of that moment may be gone, not one of before',
    {
      job: { pause_after_failures: 1 },
      faults: [['dropped', 26_000, 26_500]],
      runs: { 25000: failed() },
    },
    {
      job: { pause_after_failures: 1 },
      faults: [['dropped', 25_100, 25_600]],
      runs: { 25000: failed() },
    },
  ],
  [
    'F1',
    'cancel_other: a run that a fault held up until the next one was due goes without a start',
    { ...SUCCEEDED, faults: [['delay', 30_000, 31_000]] },
    { ...SUCCEEDED, faults: [['delay', 34_000, 46_000]] },
  ],
  [
    'F1',
    'a person ends a row of failures only where it had paused the job: the last of them may not have been counted',
    TWICE_FAILED,
    { ...TWICE_FAILED, faults: [['renamed', 24_000, 26_000]] },
  ],
  [
    'F1',
    'a due time is refused at any instant until its row tells so, if as many as may were running then',
    refusedBy(50),
    refusedBy(1_700),
  ],
  [
    'F1',
    'an order for a time at which its job was elsewhere depends on the node that the job was given to',
    { ...GIVEN, runs: { ...AFTER_GIVEN, 31000: null } },
    { ...GIVEN, faults: [['cut', 26_000, 40_000, ['n1']]], runs: { ...AFTER_GIVEN, 31000: null } },
  ],
  [
    'F1',
    'an order that comes after a claim by a clock that was ahead is served by the first run after that one',
    { ...BEHIND, runs: { ...AFTER_BEHIND, 48000: made(48_000) } },
    { ...BEHIND, runs: { ...AFTER_BEHIND, 48000: { ...made(48_000), coalesced: 2 } } },
  ],
  [
    'F1',
    'queue_one: what waits for a place goes with its document, not what had one for half a second',
    { ...QUEUED, edits: [['delete', 37_800, {}]] },
    { ...QUEUED, edits: [['delete', 37_700, {}]] },
  ],
  [
    'F1',
    'queue_one: a second one is refused while one waits that goes with its document',
    { ...REFUSED, edits: [['delete', 47_800, {}]] },
    { ...REFUSED, edits: [['delete', 46_000, {}]] },
  ],
  [
    'F1',
    'what a load held up until its failures paused the job does not run; in quiet there was time',
    PAUSED_LATE,
    { ...PAUSED_LATE, faults: [['storm', 33_000, 37_000]] },
  ],
  [
    'F1',
    'one secondary that lags is no fault, unless the database has another one',
    { runs: { 35000: un('interrupted') }, faults: [['majority-lag', 30_000, 40_000, ['n0'], { amount: 1 }]] },
    { runs: { 35000: un('interrupted') }, faults: [['majority-lag', 30_000, 40_000, ['n0'], { amount: 2 }]] },
  ],
  [
    'F1',
    'what a set server clock had planned ahead is owed again after it',
    { faults: [['server-clock', 3_000, 4_000, ['n0'], { amount: 5 }]], runs: { 35000: null } },
    {
      faults: [['server-clock', 20_000, 30_000, ['n0'], { amount: 5 }]],
      edits: [['resume', 31_000, RESUME]],
      runs: { 35000: null },
    },
  ],
]

const burst = (id: number, due: number, count: number) => [
  { at: due - 2_000, f: 'burst', id, due: at(due), count, ips: ['n0', 'n1'] },
  { at: due - 1_000, f: 'burst-stored', id },
]
const ofBurst = (i: number, more: Told = {}) => ({ job: `burst-0-0000${i}`, t: 40_000, ip: `n${i % 2}`, ...more })
const crowd = (edit: Doc) => [
  { at: 38_000, f: 'crowd', id: 1, due: at(40_000), count: 8, ips: ['n0'], groups: [] },
  { at: 39_000, f: 'crowd-stored', id: 1 },
  { at: 41_000, f: 'crowd-done', id: 1 },
  ...CROWD.map(({ group, name, to_time }) => ({
    ...{ at: 39_800, f: 'crowd-edit', id: 1, group, name, from: 0, to: 8, lo: at(39_790), hi: at(39_810), type: 'ok' },
    ...{ op_lo: op(39_792), op_hi: op(39_805), matched: 1, to_time, ...(edit.group === group && edit) },
  })),
]
const CROWD = [
  { group: 2, name: 'tomorrow', to_time: at(86_440_000) },
  { group: 3, name: 'paused', to_time: null },
  { group: 4, name: 'deleted', to_time: null },
  { group: 5, name: 'retimed', to_time: at(44_000) },
  { group: 6, name: 'last-moment', to_time: at(44_000) },
  { group: 7, name: 'far', to_time: at(172_840_000) },
]
const isSome = (line: Doc, names: readonly string[]) => !('name' in line) || names.includes(String(line.name))
const ofCrowd = (i: number, t = 40_000, more: Told = {}) => ({ job: `crowd-1-0000${i}`, t, ...more })
const CROWD_RUNS = [ofCrowd(0), ofCrowd(1), ofCrowd(5, 44_000), ofCrowd(6, 44_000)]
const CROWD_OTHERS = [0, 1, 2, 3, 4, 5, 6].map(i => ofCrowd(i))
const onlyFar = crowd({ group: 7, matched: 0 }).filter(line => isSome(line, ['far']))
const farLater = crowd({ group: 7, matched: 0, lo: at(40_050), hi: at(40_060), op_hi: op(40_058) }).filter(line =>
  isSome(line, ['far']),
)
const onlyPaused = crowd({}).filter(line => isSome(line, ['paused']))
const oneshot = (rerun: boolean) => [
  { at: 38_000, f: 'oneshot', fault: 0, job: 'oneshot-0-0', due: at(40_000), ip: 'n0', to: 'n1', rerun, ms: 5_000 },
  { at: 41_000, f: 'oneshot-moved', job: 'oneshot-0-0', lo: at(40_990), hi: at(41_000), op: op(40_995) },
]
const MOVE_KILL: Story = { faults: [['move-kill', 40_000, 45_000]], exits: [['n0', 42_000]], idle: [45_000, 80_000] }
const AFTER_KILL = Object.fromEntries([45, 55, 65, 75].map(s => [s * 1_000, { ip: 'n1' }]))
const MOVED: Story = { ...MOVE_KILL, edits: [['move', 43_000, set({ ip: 'n1' })]], runs: AFTER_KILL, doc: { ip: 'n1' } }
const ofOneshot = (more: Told) => ({ job: 'oneshot-0-0', t: 40_000, ...more })

const ONCE: readonly Case[] = [
  [
    'F1',
    'a job of a burst starts, whatever its row says',
    {
      lines: burst(0, 40_000, 2),
      others: [ofBurst(0), ofBurst(1, un('interrupted'))],
      faults: [['storm', 38_000, 41_000]],
    },
    { lines: burst(0, 40_000, 2), others: [ofBurst(0), ofBurst(1)], faults: [['storm', 38_000, 41_000]] },
  ],
  [
    'F1',
    'a job of a burst without a row is lost though its node was killed',
    { lines: burst(0, 40_000, 2), others: [ofBurst(0)], faults: [['node-kill', 39_000, 41_000, ['n1']]] },
    {
      lines: burst(0, 40_000, 2),
      others: [ofBurst(0), ofBurst(1, un('interrupted'))],
      faults: [['node-kill', 39_000, 41_000, ['n1']]],
    },
  ],
  [
    'F2',
    'a job of a burst starts once',
    { lines: burst(0, 40_000, 1), others: [ofBurst(0), ofBurst(0, { id: 'twice' })] },
    { lines: burst(0, 40_000, 1), others: [ofBurst(0)] },
  ],
  [
    'F3',
    'a job of a burst starts on its node',
    { lines: burst(0, 40_000, 1), others: [ofBurst(0, { ip: 'n1' })] },
    { lines: burst(0, 40_000, 1), others: [ofBurst(0)] },
  ],
  [
    'F11',
    'a crowd’s job with a new time is not gone without a run at it',
    { lines: crowd({}), others: CROWD_RUNS },
    {
      lines: crowd({}).filter(line => isSome(line, ['retimed', 'last-moment', 'deleted'])),
      others: [...CROWD_RUNS, ofCrowd(2), ofCrowd(3), ofCrowd(7)],
    },
  ],
  [
    'F1',
    'a crowd’s job with a new time runs at it',
    {
      lines: crowd({}).filter(line => isSome(line, ['retimed', 'last-moment', 'deleted'])),
      others: [...CROWD_RUNS.slice(0, 3), ofCrowd(2), ofCrowd(3), ofCrowd(7)],
    },
    {
      lines: crowd({
        group: 6,
        matched: 0,
        lo: at(40_050),
        hi: at(40_060),
        op_lo: op(40_052),
        op_hi: op(40_058),
      }).filter(line => isSome(line, ['retimed', 'last-moment', 'deleted'])),
      others: [...CROWD_RUNS.slice(0, 3), ofCrowd(2), ofCrowd(3), ofCrowd(6, 40_000, { claimed: -100 }), ofCrowd(7)],
    },
  ],
  [
    'F7',
    'EDGE: a crowd’s job may be claimed by the old trigger for half a second after the edit of it',
    { lines: onlyFar, others: [...CROWD_OTHERS, ofCrowd(7, 40_000, { after: 1_400, claimed: 1_400 })] },
    { lines: farLater, others: [...CROWD_OTHERS, ofCrowd(7)] },
  ],
  [
    'F11',
    'a crowd’s job that was paused stays, unless its run was claimed before',
    { lines: onlyPaused, others: [0, 1, 2, 4, 5, 6, 7].map(i => ofCrowd(i)) },
    { lines: onlyPaused, others: [0, 1, 2, 3, 4, 5, 6, 7].map(i => ofCrowd(i, 40_000, { claimed: -400 })) },
  ],
  [
    'F4',
    'a crowd’s job that was deleted before its claim does not run',
    {
      lines: crowd({}).filter(line => isSome(line, ['deleted'])),
      others: [0, 1, 2, 3, 4, 5, 6, 7].map(i => ofCrowd(i)),
    },
    {
      lines: crowd({}).filter(line => isSome(line, ['deleted'])),
      others: [0, 1, 2, 3, 5, 6, 7].map(i => ofCrowd(i)),
    },
  ],
  [
    'F1',
    'a one-shot moved while it ran is run again where its job asks for that',
    { ...MOVED, lines: oneshot(true), others: [ofOneshot(killed())] },
    {
      ...MOVED,
      lines: oneshot(true),
      others: [ofOneshot(killed()), ofOneshot({ id: 'again', ip: 'n1', after: 9_000 })],
    },
  ],
  [
    'F2',
    'a one-shot moved while it ran is run again only where its job asks for that',
    {
      ...MOVED,
      lines: oneshot(false),
      others: [ofOneshot(killed()), ofOneshot({ id: 'again', ip: 'n1', after: 9_000 })],
    },
    { ...MOVED, lines: oneshot(false), others: [ofOneshot(killed())] },
  ],
]

const EDITED: Story = { edits: [['args', 35_100, set({ args: ['v2'] })]], doc: { args: ['v2'] } }
const DELETED: Story = { edits: [['delete', 35_500, {}]], idle: [45_000, 80_000], doc: null }
const OPEN = (t: number) => ({ state: { running: [{ run_id: 'next', run_time: day(t) }] } })
const RERUN: Story = { job: { on_interrupt: 'rerun' }, exits: [['n0', 35_050]] }
const KILL: Story['faults'] = [['node-kill', 35_050, 37_000]]
/** Goes on beyond the next run time. */
const LONG = { 25000: { ms: 12_000 } }
/** After a new trigger at 34 s: at 7 s past. */
const RETIMED: Readonly<Record<number, Told | null>> = {
  ...Object.fromEntries([35, 45, 55, 65, 75].map(s => [s * 1_000, null])),
  ...Object.fromEntries([37, 47, 57, 67, 77].map(s => [s * 1_000, {}])),
}
/** The run of 25 s goes on until 39 s; that of 35 s waits for its place, over a new trigger, and starts at 41.5 s. */
const QUEUED_OVER: Story = {
  ...retimed(36_000),
  job: { overlap: 'queue_one' },
  runs: {
    ...RETIMED,
    25000: { ms: 14_000 },
    35000: { after: 6_500, claimed: 6_500 },
    37000: un('max_instances'),
  },
}
const SKEW = (amount: number) => ['server-clock', 30_000, 36_000, ['n0'], { amount }] as const
const RETRIED: Story = { job: { retry: { max_attempts: 2, delay: 2 } }, faults: [SKEW(2)] }
/** Ordered for 12 s and each ten seconds from there, until it is paused and resumed. */
const WAITED: Story = {
  job: { overlap: 'queue_one' },
  edits: [
    ['order', 12_000, set({ next_run_time: day(12_000) })],
    ['pause', 33_000, PAUSE],
    ['resume', 41_000, RESUME],
  ],
  runs: {
    ...{ 12000: { ms: 12_000 }, 15000: null, 22000: { after: 2_300 }, 25000: null, 32000: {}, 35000: null, 42000: {} },
  },
}
/** Paused while the run of 35 s waits for a place. */
const RESTING: Story = {
  job: { overlap: 'queue_one' },
  edits: [['pause', 36_000, PAUSE]],
  idle: [45_000, 80_000],
  doc: { next_run_time: null, state: { running: [], waiting: { run_time: day(35_000) } } },
}
/** Taken over by n1, where a person leaves it; then on n0 again. */
const HOME: Story = {
  job: { standby: 'any' },
  faults: [['cut', 18_000, 24_000]],
  edits: [['move', 38_000, set({ ip: 'n1' })]],
  runs: { 25000: { ip: 'n1' }, 35000: { ip: 'n1' } },
}
/** Placed on n1, where a person leaves it; then on n0. */
const PLACED: Story = {
  edits: [
    ['place', 12_000, { $unset: { ip: '' } }],
    ['move', 38_000, set({ ip: 'n1' })],
  ],
  runs: { 15000: { ip: 'n1' }, 25000: { ip: 'n1' }, 35000: { ip: 'n1' } },
}
/** What was written back named the node that had taken the job over. */
const WRITTEN_BACK: Story = {
  ...HOME,
  edits: [['write-back', 31_000, set({ ...JOB, standby: 'any', ip: 'n1' })], ...(HOME.edits ?? [])],
}
/** A run that waits until 37 s for its place, and begins late. */
const CHOSEN: Story = {
  job: { overlap: 'queue_one' },
  faults: [['cut', 36_500, 44_000, ['n1']]],
  runs: { 25000: { ms: 12_000 }, 35000: { after: 9_000 } },
}
/** Ordered while the run of 35 s may be beginning. */
const ORDERED: Story = {
  edits: [['extra', 35_400, { $push: { run_at: day(35_400) } }]],
  runs: { 35400: un('max_instances', { scheduled: false, told: 100 }) },
}
const NAMED: Story = {
  edits: [['cancel', 38_000, set({ cancel: 'j-35000-0' }), { run: 'j-35000-0' }]],
  runs: { 35000: un('cancelled', { told: 3_050 }) },
}
const NAMED_AHEAD: Story = {
  edits: [['cancel', 32_000, set({ cancel: 'j-35000-0' }), { run: 'j-35000-0' }]],
  faults: [['clock-jump', 30_000, 33_000, ['n0'], { amount: 3 }]],
  runs: { 35000: un('cancelled', { told: -3_000 }) },
}
const MISSED: Story = {
  job: { misfire_grace_time: 3 },
  faults: [['cut', 34_000, 38_000]],
  runs: { 35000: [un('missed', { told: 3_500 }), un('missed', { told: 8_000 })] },
}
/** A member leads from 12 s on, its clock is a minute ahead from 30 s to 50 s. */
const LED: Story = {
  faults: [['server-clock', 10_000, 60_000, ['n0'], { amount: 60 }]],
  lines: [
    { at: 12_000, f: 'clock-step', id: 0, what: 'leads' },
    { at: 30_000, f: 'clock-step', id: 0, what: 'set' },
    { at: 50_000, f: 'clock-step', id: 0, what: 'back' },
  ],
  runs: { 35000: { ms: 1_000, how: 'aborted', row: 'interrupted' } },
}
const STARTS: readonly Case[] = [
  ['F2', 'one time starts once', { runs: { 35000: [{}, { after: 300 }] } }, SAME],
  [
    'F2',
    'a run is run again only after a fault of its host',
    {
      ...RERUN,
      exits: [],
      runs: { 35000: [killed({ how: 'done' }), { after: 6_000 }] },
      faults: [['node-kill', 33_000, 35_050, ['n1']]],
    },
    { ...RERUN, exits: [], runs: { 35000: [killed({ how: 'done' }), { after: 6_000 }] }, faults: KILL },
  ],
  [
    'F2',
    'a run that its own node told the end of, after all, has a row beside the one of its second start only after a fault',
    { ...RERUN, exits: [], runs: { 35000: [{}, { id: 'again', after: 6_000 }] } },
    { ...RERUN, exits: [], runs: { 35000: [{}, { id: 'again', after: 6_000 }] }, faults: KILL },
  ],
  [
    'F2',
    'a run is run again only where its job asks for that',
    { runs: { 35000: [killed({ how: 'done' }), { after: 6_000 }] }, faults: KILL },
    { runs: { 35000: killed({ how: 'done' }) }, faults: KILL },
  ],
  [
    'F2',
    'a time ordered twice starts twice',
    {
      edits: [['extra', 32_000, { $push: { run_at: day(32_000) } }]],
      runs: { 32000: [{ scheduled: false }, { after: 400, scheduled: false }] },
    },
    {
      edits: [
        ['extra', 32_000, { $push: { run_at: day(32_000) } }],
        ['extra', 32_010, { $push: { run_at: day(32_000) } }],
      ],
      runs: { 32000: [{ scheduled: false }, { after: 400, scheduled: false }] },
    },
  ],
  [
    'F1',
    'a failed run whose node was killed before it could say so has no next attempt',
    { job: RETRY, runs: { 35000: [failed()] }, faults: [['storm', 35_100, 36_000]] },
    {
      job: RETRY,
      runs: { 35000: [failed({ row: 'interrupted' })] },
      faults: [['node-kill', 35_100, 36_000]],
      exits: [['n0', 35_100]],
    },
  ],
  [
    'F1',
    'a next attempt that was claimed and whose node was killed before it began is interrupted',
    { job: RETRY, runs: { 35000: [failed(), un('interrupted', { attempt: 2 })] } },
    {
      job: RETRY,
      runs: { 35000: [failed(), un('interrupted', { attempt: 2 })] },
      faults: [['node-kill', 35_900, 37_000]],
      exits: [['n0', 35_900]],
    },
  ],
  [
    'F1',
    'a run counts until the node that it was moved away from could store its end',
    { runs: { 25000: { ms: 9_000 }, 35000: un('max_instances') } },
    {
      edits: [['move', 26_000, set({ ip: 'n1' })]],
      faults: [['cut', 33_000, 36_000]],
      runs: {
        25000: { ms: 9_000 },
        35000: un('max_instances', { ip: 'n1' }),
        ...Object.fromEntries([45_000, 55_000, 65_000, 75_000].map(time => [time, { ip: 'n1' }])),
      },
      doc: { ip: 'n1' },
    },
  ],
  [
    'F3',
    'a document that is written back as it was read may name another node than stands there, or the same',
    { edits: [['move', 32_000, set({ ip: 'n1' })]], doc: { ip: 'n1' } },
    { edits: [['write-back', 32_000, set({ ...JOB, next_run_time: day(35_000), ip: 'n1' })]], doc: { ip: 'n1' } },
  ],
  [
    'F2',
    'a run that did not fail has no next attempt',
    { job: RETRY, runs: { 35000: [{}, { after: 1_100, attempt: 2 }] } },
    { job: RETRY, runs: { 35000: [failed(), { after: 1_100, attempt: 2 }] } },
  ],
  [
    'F2',
    'there are as many attempts as the job says',
    { job: RETRY, runs: { 35000: [failed(), failed({ after: 1_100, attempt: 2 }), { after: 3_300, attempt: 3 }] } },
    { job: RETRY, runs: { 35000: [failed(), failed({ after: 1_100, attempt: 2 })] } },
  ],
  [
    'F2',
    'one time has one row, though nothing started',
    {
      runs: { 35000: [un('interrupted'), un('missed')] },
      faults: [['node-kill', 34_900, 36_000]],
      job: { misfire_grace_time: 3 },
    },
    {
      runs: { 35000: [un('interrupted'), { after: 6_000 }] },
      faults: [['node-kill', 34_900, 36_000]],
      job: { on_interrupt: 'rerun' },
    },
  ],
  ['F3', 'a run starts where people asked for it', { runs: { 35000: { ip: 'n1' } } }, SAME],
  [
    'F3',
    'a run starts on the new node after a move',
    { edits: [['move', 32_000, set({ ip: 'n1' })]], doc: { ip: 'n1' } },
    { edits: [['move', 32_000, set({ ip: 'n1' })]], doc: { ip: 'n1' }, runs: later(35, { ip: 'n1' }) },
  ],
  [
    'F3',
    'HELD: another node takes over from one that was held up for the better part of a lease',
    {
      job: { standby: 'any' },
      faults: [['node-pause', 30_000, 31_000]],
      doc: { ip: 'n1' },
      runs: later(35, { ip: 'n1' }),
    },
    {
      job: { standby: 'any' },
      faults: [['node-pause', 30_000, 38_000]],
      doc: { ip: 'n1' },
      runs: later(35, { ip: 'n1' }),
    },
  ],
  [
    'F3',
    'another node takes over only from the one that was hit',
    {
      job: { standby: 'any' },
      faults: [['cut', 25_000, 38_000, ['n2']]],
      doc: { ip: 'n1' },
      runs: later(35, { ip: 'n1' }),
    },
    { job: { standby: 'any' }, faults: [['cut', 25_000, 38_000]], doc: { ip: 'n1' }, runs: later(35, { ip: 'n1' }) },
  ],
  [
    'F3',
    'only a standby takes over',
    { job: { standby: ['n2'] }, faults: [['cut', 25_000, 38_000]], doc: { ip: 'n1' }, runs: later(35, { ip: 'n1' }) },
    { job: { standby: ['n1'] }, faults: [['cut', 25_000, 38_000]], doc: { ip: 'n1' }, runs: later(35, { ip: 'n1' }) },
  ],
  [
    'F3',
    'a fault that is long over gives nothing away',
    {
      job: { standby: 'any' },
      faults: [['cut', 10_000, 18_000]],
      edits: [['move', 32_000, set({ ip: 'n0' })]],
      doc: { ip: 'n1' },
      runs: later(35, { ip: 'n1' }),
    },
    { job: { standby: 'any' }, faults: [['cut', 10_000, 18_000]], doc: { ip: 'n1' }, runs: later(35, { ip: 'n1' }) },
  ],
  [
    'F4',
    'a paused job does not run',
    { edits: [['pause', 32_000, PAUSE]], doc: { next_run_time: null } },
    { edits: [['pause', 32_000, PAUSE]], idle: [35_000, 80_000], doc: { next_run_time: null } },
  ],
  [
    'F4',
    'EDGE: a run that was claimed before a pause is taken back unless it starts at once',
    {
      edits: [['pause', 34_900, PAUSE]],
      runs: { 35000: { after: 500, claimed: -300 } },
      idle: [45_000, 80_000],
      doc: { next_run_time: null },
    },
    {
      edits: [['pause', 34_900, PAUSE]],
      runs: { 35000: { after: 300, claimed: -300 } },
      idle: [45_000, 80_000],
      doc: { next_run_time: null },
    },
  ],
  [
    'F4',
    'a job that its failures paused does not run',
    { job: { pause_after_failures: 1 }, runs: { 25000: failed() } },
    {
      job: { pause_after_failures: 1 },
      runs: { 25000: failed() },
      idle: [35_000, 80_000],
      doc: { next_run_time: null },
    },
  ],
  [
    'F4',
    'a run that a person cancelled ends within two seconds',
    {
      runs: { 35000: { ms: 5_100, how: 'aborted', row: 'cancelled' } },
      edits: [['cancel', 38_000, set({ cancel: '*' })]],
    },
    {
      runs: { 35000: { ms: 4_900, how: 'aborted', row: 'cancelled' } },
      edits: [['cancel', 38_000, set({ cancel: '*' })]],
    },
  ],
  [
    'F4',
    'HEARD: a run that a person cancelled comes to its own end within a second',
    { runs: { 35000: { ms: 4_100 } }, edits: [['cancel', 38_000, set({ cancel: '*' })]] },
    { runs: { 35000: { ms: 3_900 } }, edits: [['cancel', 38_000, set({ cancel: '*' })]] },
  ],
  [
    'F4',
    'a next attempt does not start half a second after its job was deleted',
    { ...DELETED, job: RETRY, runs: { 35000: [failed(), { after: 1_100, attempt: 2 }] } },
    { ...DELETED, job: RETRY, runs: { 35000: failed() } },
  ],
  [
    'F4',
    'a process that slept longer than its lease starts nothing that it had claimed before',
    { runs: { 35000: { after: 7_100, claimed: -50 } }, faults: [['node-pause', 34_980, 42_000]] },
    { runs: { 35000: { after: 7_100 } }, faults: [['node-pause', 34_980, 42_000]] },
  ],
  [
    'F10',
    'a run of a process that was replaced does not go on',
    { runs: { 35000: { ms: 9_000, row: 'interrupted' } }, faults: [['evict', 36_000, 38_000]] },
    { runs: { 35000: { ms: 2_900, row: 'interrupted' } }, faults: [['evict', 36_000, 38_000]] },
  ],
  [
    'F10',
    'an entry is left only for an attempt that is still to come',
    { job: RETRY, runs: { 75000: failed() }, final: OPEN(75_000) },
    { job: { retry: { max_attempts: 2, delay: 10 } }, runs: { 75000: failed() }, final: OPEN(75_000) },
  ],
  [
    'F10',
    'a timeout counts from the start, of a child from its run time',
    { job: { timeout: 2 }, runs: { 35000: { after: 500, ms: 1_510, how: 'aborted', row: 'timeout' } } },
    {
      job: { timeout: 2, executor: 'process' },
      runs: { 35000: { after: 500, ms: 1_510, how: 'aborted', row: 'timeout', executor: 'process' } },
    },
  ],
  [
    'F5',
    'EARLY: a run does not start before its time',
    { runs: { 35000: { after: -4, claimed: -40 } } },
    { runs: { 35000: { after: -2, claimed: -40 } } },
  ],
  [
    'F5',
    'a clock that was set moves the starts of its own node',
    {
      runs: { 35000: { after: -2_000, claimed: -2_040 } },
      faults: [['clock-jump', 30_000, 36_000, ['n1'], { amount: 3 }]],
    },
    {
      runs: { 35000: { after: -2_000, claimed: -2_040 } },
      faults: [['clock-jump', 30_000, 36_000, ['n0'], { amount: 3 }]],
    },
  ],
  [
    'F5',
    'FAR: while a server’s clock is off, a next attempt comes by as much early as two measures of it differ',
    { ...RETRIED, runs: { 35000: [failed(), { after: 900, attempt: 2 }] } },
    { ...RETRIED, runs: { 35000: [failed(), { after: 1_100, attempt: 2 }] } },
  ],
  [
    'F7',
    'a run that found no place by a clock that was ahead waits for its time, over a pause',
    WAITED,
    { ...WAITED, faults: [['server-clock', 18_000, 26_000, ['n0'], { amount: 20 }]] },
  ],
  [
    'F4',
    'a run that waits for a place does not start while its job is paused',
    { ...RESTING, runs: { 25000: { ms: 12_000 }, 35000: { after: 2_100 } } },
    { ...RESTING, runs: { 25000: { ms: 12_000 }, 35000: null } },
  ],
  [
    'F3',
    'a rebalance brings home what a person gave to the node where it stood',
    HOME,
    { ...HOME, faults: [...(HOME.faults ?? []), ['rebalance', 40_000, 40_200, []]] },
  ],
  [
    'F3',
    'a rebalance moves what was placed, also where a person gave it to the node where it stood',
    PLACED,
    { ...PLACED, faults: [['rebalance', 40_000, 40_200, []]] },
  ],
  [
    'F3',
    'a job that a person gave to another node is not rebalanced',
    { ...PLACED, runs: { 25000: { ip: 'n1' } }, faults: [['rebalance', 40_000, 40_200, []]] },
    {
      ...PLACED,
      runs: Object.fromEntries([15, 25, 45, 55, 65, 75].map(s => [s * 1_000, { ip: 'n1' }])),
      doc: { ip: 'n1' },
    },
  ],
  [
    'F3',
    'a document that was written back as it was read gives its job to nobody: a rebalance brings it home all the same',
    WRITTEN_BACK,
    { ...WRITTEN_BACK, faults: [...(HOME.faults ?? []), ['rebalance', 40_000, 40_200, []]] },
  ],
  [
    'F2',
    'a claimed run whose document was replaced before its start says so, and the new one has a run of that time',
    { runs: { 35000: [un('cancelled', { told: 10 }), {}] } },
    { edits: [['replace', 34_990, JOB]], runs: { 35000: [un('cancelled', { told: 10 }), {}] } },
  ],
  [
    'F1',
    'a run has its place while its child comes up',
    { ...ORDERED, runs: { ...ORDERED.runs, 35000: { after: 1_300 } } },
    { ...ORDERED, runs: { ...ORDERED.runs, 35000: { after: 1_300, executor: 'process' } } },
  ],
  [
    'F1',
    'a job that the cluster is to place while its run waits may have been given to a node that is hit',
    CHOSEN,
    { ...CHOSEN, edits: [['place', 36_000, { $unset: { ip: '' } }]] },
  ],
  [
    'F1',
    'a run whose document was away when it was to start may say so, one whose document was there may not',
    { faults: [['renamed', 28_000, 31_500]], runs: { 35000: un('cancelled', { told: 10 }) } },
    { faults: [['renamed', 34_900, 36_000]], runs: { 35000: un('cancelled', { told: 10 }) } },
  ],
  [
    'F1',
    'a job that the cluster is to place may be given to a node that is dead, not long after that',
    placedAt(24_000),
    placedAt(26_000),
  ],
  [
    'F1',
    'a run that a fault held up may be cancelled by its name, in quiet it has begun by then',
    NAMED,
    { ...NAMED, faults: [['cut', 33_000, 38_000]] },
  ],
  [
    'F1',
    'a run that a clock ahead claimed may be cancelled by its name before its time',
    { ...NAMED_AHEAD, edits: [['cancel', 32_000, set({ cancel: 'another' }), { run: 'another' }]] },
    NAMED_AHEAD,
  ],
  [
    'F1',
    'the next attempt of a run whose end was told on a dead line may be nobody’s',
    { job: RETRY, runs: { 35000: failed({ told: 1_000 }) } },
    { job: RETRY, runs: { 35000: failed({ told: 1_000 }) }, faults: [['black-hole', 35_010, 50_000]] },
  ],
  [
    'F2',
    'a time is told as missed again only if a document came back that says that it is due',
    MISSED,
    { ...MISSED, edits: [['write-back', 40_000, set({ ...JOB, next_run_time: day(35_000) })]] },
  ],
  [
    'F5',
    'FAR: a server’s clock that was set moves starts by its offset and a second',
    { runs: { 35000: { after: -3_100, claimed: -3_140 } }, faults: [SKEW(2)] },
    { runs: { 35000: { after: -2_900, claimed: -2_940 } }, faults: [SKEW(2)] },
  ],
  [
    'F2',
    'what ran ahead by a server’s clock is due again only for another job of its name',
    { runs: { 35000: [{ after: -3_000 }, {}] }, faults: [SKEW(3)] },
    {
      runs: { 35000: [{ after: -3_000 }, {}] },
      faults: [SKEW(3)],
      edits: [
        ['delete', 33_000, {}],
        ['insert', 33_500, JOB],
      ],
    },
  ],
  [
    'F2',
    'what ran ahead by a server’s clock is due again for a document that was put in its place',
    {
      runs: { 35000: [{ after: -3_000 }, {}] },
      faults: [SKEW(3)],
      edits: [['args', 33_500, set({ args: ['v1'] })]],
    },
    {
      runs: { 35000: [{ after: -3_000 }, {}] },
      faults: [SKEW(3)],
      edits: [['replace', 33_500, JOB]],
    },
  ],
  [
    'F1',
    'cancel_other: an extra run that has waited makes the oldest go, too',
    {
      job: { overlap: 'cancel_other' },
      runs: { 35000: { ms: 2_000, how: 'aborted', row: 'cancelled' } },
    },
    {
      job: { overlap: 'cancel_other' },
      edits: [['extra', 34_000, { $push: { run_at: day(34_000) } }]],
      faults: [['delay', 33_900, 36_000]],
      runs: { 34000: { after: 3_100, scheduled: false }, 35000: { ms: 2_000, how: 'aborted', row: 'cancelled' } },
    },
  ],
  [
    'F1',
    'a run goes for a time that a person set just before its own, once it had been claimed ahead',
    { job: { overlap: 'cancel_other' }, runs: { 35000: OUSTED } },
    ousted(),
  ],
  [
    'F5',
    'a next attempt waits for its delay',
    { job: RETRY, runs: { 35000: [failed(), { after: 900, attempt: 2 }] } },
    { job: RETRY, runs: { 35000: [failed(), { after: 1_016, attempt: 2 }] } },
  ],
  [
    'F5',
    'a delay is cut short by a clock that is set ahead meanwhile, not by one that was before',
    cutShort(31_000),
    cutShort(34_000),
  ],
  [
    'F6',
    'a run has the arguments of before its claim',
    { edits: [['args', 32_000, set({ args: ['v2'] })]], doc: { args: ['v2'] } },
    { edits: [['args', 32_000, set({ args: ['v2'] })]], doc: { args: ['v2'] }, runs: later(35, { args: ['v2'] }) },
  ],
  ['F7', 'a run has a time of its trigger', { runs: { 33000: {} } }, SAME],
  [
    'F6',
    'a run may have arguments of after its claim, not of before the edit before it',
    { ...EDITED, runs: { 35000: { after: 400, claimed: 0, args: ['v0'] } } },
    { ...EDITED, runs: { 35000: { after: 400, claimed: 0, args: ['v2'] }, ...later(45, { args: ['v2'] }) } },
  ],
  [
    'F7',
    'queue_one: a run that waits over a new trigger may find its place free in a fault, and starts after it',
    QUEUED_OVER,
    { ...QUEUED_OVER, faults: [['majority-lag', 38_500, 41_000]] },
  ],
  [
    'F7',
    'EDGE: a claim may go by the old trigger for half a second after the edit of it',
    { ...retimed(34_400), runs: { ...RETIMED, 35000: {} } },
    { ...retimed(34_600), runs: { ...RETIMED, 35000: {} } },
  ],
  [
    'F7',
    'a new trigger goes on from a time that a person set and that was not claimed yet, and has its own times where it was',
    overtaken(100),
    overtaken(2_000),
  ],
  [
    'F7',
    'EDGE: a node that is well for half a second has planned the time before the new trigger comes',
    overtaken(650, 33_600, []),
    overtaken(450, 33_400, []),
  ],
  [
    'F8',
    'a job runs as often at once as it may',
    { runs: { 25000: { ms: 12_000 }, 35000: {} } },
    { job: { max_instances: 2 }, runs: { 25000: { ms: 12_000 }, 35000: {} } },
  ],
  [
    'F8',
    'HELD: a run counts no more once its host was held up for the better part of a lease',
    { runs: { 25000: { ms: 12_000 }, 35000: {} }, faults: [['cut', 32_000, 32_300]] },
    {
      runs: { 25000: { ms: 12_000, row: 'interrupted' }, 35000: {} },
      faults: [['cut', 28_000, 34_000]],
    },
  ],
  [
    'F8',
    'EDGE: a run that began before its node heard that its document is gone takes no place of the next one',
    { ...anew(34_400), runs: { ...RETIMED, 35000: { after: 100, claimed: -650, ms: 3_000 } } },
    { ...anew(34_700), runs: { ...RETIMED, 35000: { after: 100, claimed: -350, ms: 3_000 } } },
  ],
  [
    'F8',
    'a run whose document was deleted finishes, and takes no place of what is added under that id; one of a job that was moved does',
    {
      edits: [['move', 31_000, set({ ip: 'n1' })]],
      runs: { ...later(45, { ip: 'n1' }), ...LONG, 35000: { ip: 'n1' } },
      doc: { ip: 'n1' },
    },
    {
      edits: [
        ['delete', 31_000, {}],
        ['insert', 33_000, JOB],
      ],
      runs: LONG,
    },
  ],
  [
    'F10',
    'a run ends at its timeout',
    { job: { timeout: 1 }, runs: { 35000: { ms: 4_000 } } },
    { job: { timeout: 1 }, runs: { 35000: { ms: 1_020, how: 'aborted', row: 'timeout' } } },
  ],
]

/** The starts from a time on. */
function later(second: number, told: Told): Readonly<Record<number, Told>> {
  return Object.fromEntries(TIMES.filter(t => t >= second * 1_000).map(t => [t, told]))
}

/** Given to the cluster at that time, while n2 is dead: the run of 35 s comes with the next. */
function placedAt(ms: number): Story {
  return {
    edits: [['place', ms, { $unset: { ip: '' } }]],
    faults: [['node-kill', 25_000, 36_000, ['n2']]],
    runs: { 35000: null, 45000: { coalesced: 2 } },
    doc: { ip: 'n0' },
  }
}

/** Placed by the cluster long ago; the run of 35 s starts 4 s late, while n1 is cut off. */
function givenAway(rebalance: NonNullable<Story['faults']>): Story {
  return {
    edits: [['place', 12_000, { $unset: { ip: '' } }]],
    runs: { 35000: { after: 4_000 } },
    faults: [...rebalance, ['cut', 34_000, 38_000, ['n1']]],
    doc: { ip: 'n0' },
  }
}

/** A start that was given up. */
function unreached(ip: string, at: number): readonly Line[] {
  return [{ at, f: 'process', what: 'exit', ip, pid: 9, code: 69, signal: null, asked: false }]
}

/** Paused by the failure of 25 s, and resumed then and at 46 s. */
function resumedTwice(ms: number): Story {
  return {
    job: { pause_after_failures: 1 },
    runs: { 25000: failed() },
    edits: [
      ['resume', ms, RESUME],
      ['resume', 46_000, RESUME],
    ],
    idle: [35_000, 46_000],
  }
}

/** Tried again 285 ms after it failed, beside a clock that was set ahead by 3 s. */
function cutShort(ms: number): Story {
  const runs = { 35000: [failed(), { after: 300, attempt: 2 }] }
  return { job: RETRY, runs, faults: [['clock-jump', ms, 40_000, ['n0'], { amount: 3 }]] }
}

/** Another trigger, from then on: at 7 s past. */
function retimed(ms: number): Story {
  const trigger = { ...TRIGGER, start_date: day(7_000) }
  return { edits: [['trigger', ms, set({ trigger })]], doc: { trigger, next_run_time: day(87_000) } }
}

/** A time is set as the run of 35 s starts, which is aborted for it; the schedule goes on from that time. */
function ousted(): Story {
  return {
    job: { overlap: 'cancel_other' },
    edits: [['order', 35_006, set({ next_run_time: day(34_999) })]],
    idle: [35_500, 80_000],
    runs: {
      34999: { after: 100, scheduled: false },
      35000: OUSTED,
      ...Object.fromEntries([44, 54, 64, 74].map(second => [second * 1_000 + 999, {}])),
    },
    doc: { next_run_time: day(84_999) },
  }
}

/** A time is set by a person and given another trigger soon after, while the disk is full; runs follow from that time on. */
function overtaken(
  claimed: number,
  trigger = 33_200,
  faults: Story['faults'] = [['disk-full', 32_900, 36_000]],
): Story {
  const { edits = [] } = retimed(trigger)
  return {
    faults,
    edits: [['order', 33_000, set({ next_run_time: day(33_000) })], ...edits],
    idle: [34_000, 80_000],
    runs: {
      33000: { after: claimed, scheduled: false },
      ...Object.fromEntries([43, 53, 63, 73].map(second => [second * 1_000, {}])),
    },
    doc: { trigger: { ...TRIGGER, start_date: day(7_000) }, next_run_time: day(83_000) },
  }
}

/** Deleted at that time, and there again 100 ms later with another trigger: at 7 s past. */
function anew(ms: number): Story {
  const { doc } = retimed(ms)
  const trigger = { ...TRIGGER, start_date: day(7_000) }
  return {
    edits: [
      ['delete', ms, {}],
      ['insert', ms + 100, { ...JOB, trigger }],
    ],
    ...(doc && { doc }),
  }
}

/** Refused for a run that began 600 ms after it was due, by a row of so many ms after that. */
function refusedBy(told: number): Story {
  const order = { $push: { run_at: day(24_600) } }
  const runs = { 24600: { after: 1_000, scheduled: false, ms: 5_000 }, 25000: un('max_instances', { told }) }
  return { edits: [['extra', 24_400, order]], runs }
}

/** What a node holds on to, each five seconds. */
const samples = (fds: (i: number) => number, rss: (i: number) => number = () => 100_000): Line[] =>
  Array.from({ length: 15 }, (_, i) => ({
    ...{ at: 5_000 + i * 5_000, f: 'sample', load: 1, members: [{ connections: {}, cursors: {} }] },
    nodes: [{ ip: 'n0', pid: 1, rss: rss(i), fds: fds(i) }],
  }))

/** A heap that climbs, and is what `last` says in the last two samples. */
const heap = (last: (i: number) => number) =>
  samples(
    () => 40,
    i => (i < 13 ? 100_000 + i * 12_000 : last(i)),
  )

/** Streams of n1 that nobody reads since 20 s. */
const cursors: readonly Line[] = samples(() => 40).map((line, i) => {
  const command = '{"fullDocument.ip":{"$in":["n1",null]}}'
  const open = Array.from({ length: i < 5 ? 0 : 8 }, () => ({ command, idle_s: i * 5 + 5 - 20 }))
  return { ...line, members: [{ connections: {}, cursors: {}, open }] }
})

/** Pools of three nodes: those of n0 and n1 are filled, that of n2 is of a process that began when the calm did. */
const pools = (young: (i: number) => number): Line[] =>
  samples(() => 40).map((line, i) => {
    const connections = { 'tidewheel:n0': 17, 'tidewheel:n1': 18, ...(i > 11 && { 'tidewheel:n2': young(i - 12) }) }
    return { ...line, members: [{ connections, cursors: {} }] }
  })

const KEPT: readonly Case[] = [
  [
    'F10',
    'a clock that is ahead takes no lease away, a cut line does',
    LED,
    { runs: LED.runs ?? {}, faults: [['cut', 28_000, 40_000]] },
  ],
  ['F10', 'each run has a row', { runs: { 35000: { row: null } } }, SAME],
  [
    'F10',
    'a run that was killed with its node has none where its job was deleted before anybody could find it',
    { ...MOVED, exits: [['n0', 42_000]], runs: { ...AFTER_KILL, 35000: killed({ ms: 0, row: null }) } },
    {
      faults: [['node-kill', 35_020, 45_000]],
      exits: [['n0', 35_020]],
      edits: [['delete', 36_000, {}]],
      runs: { 35000: killed({ row: null }) },
      idle: [45_000, 80_000],
      doc: null,
    },
  ],
  ['F10', 'a row executed has a start', { runs: { 35000: un('executed') } }, SAME],
  ['F10', 'a row says how the run ended', { runs: { 35000: { how: 'failed' } } }, { runs: { 35000: failed() } }],
  [
    'F10',
    'a run that ended well in quiet is not told as interrupted',
    { runs: { 35000: { row: 'interrupted' } } },
    { runs: { 35000: { row: 'interrupted' } }, faults: [['node-kill', 35_020, 36_000]] },
  ],
  [
    'F10',
    'a run that was done when the fault of another host began is not told as interrupted',
    { runs: { 35000: { row: 'interrupted' } }, faults: [['node-kill', 35_020, 36_000, ['n1']]] },
    { runs: { 35000: { row: 'interrupted' } }, faults: [['cut', 33_000, 34_500]] },
  ],
  [
    'F10',
    'SETTLE: an end is stored within three seconds, after that no fault takes it away',
    { runs: { 35000: { row: 'interrupted' } }, faults: [['node-kill', 38_200, 39_000]] },
    { runs: { 35000: { row: 'interrupted' } }, faults: [['node-kill', 37_900, 39_000]] },
  ],
  [
    'F10',
    'ROUNDING: a row timeout is of a run that went on for so long',
    { job: { timeout: 2 }, runs: { 35000: { ms: 1_700, how: 'done', row: 'timeout' } } },
    { job: { timeout: 2 }, runs: { 35000: { ms: 1_800, how: 'done', row: 'timeout' } } },
  ],
  [
    'F10',
    'who drains goes on with its runs, who is evicted does not',
    { runs: { 35000: { ms: 3_000, row: 'interrupted' } }, faults: [['drain', 36_000, 37_000]] },
    { runs: { 35000: { ms: 3_000, row: 'interrupted' } }, faults: [['evict', 36_000, 37_000]] },
  ],
  ['F10', 'a row is not open for ever', { runs: { 35000: { row: 'started' } } }, SAME],
  ['F10', 'what did run is not told as missed', { runs: { 35000: [{}, un('missed')] } }, SAME],
  ['F10', 'no entry is left', { final: { state: { running: [{ run_id: 'j-35000-0' }] } } }, SAME],
  ['F7', 'the next run time is one of the trigger', { doc: { next_run_time: day(86_000) } }, SAME],
  ['F7', 'the next run time leaves none out', { doc: { next_run_time: day(95_000) } }, SAME],
  ['F7', 'a job that goes on has a next run time', { doc: { next_run_time: null } }, SAME],
  ['F9', 'the next run time is not long past', { doc: { next_run_time: day(65_000) } }, SAME],
  [
    'F9',
    'RECOVERY: ten seconds after a fault a late run has started',
    { runs: { 35000: { after: 18_000 }, 45000: null, 55000: { coalesced: 2 } }, faults: [['cut', 34_000, 40_000]] },
    { runs: { 35000: { after: 16_000 }, 45000: { after: 6_500 } }, faults: [['cut', 34_000, 40_000]] },
  ],
  [
    'F9',
    'a job is not refused for runs that are over',
    { runs: { 25000: [{}], 35000: un('max_instances') }, faults: [['cut', 5_000, 14_000, ['n1']]] },
    { runs: { 25000: { ms: 12_000 }, 35000: un('max_instances') }, faults: [['cut', 5_000, 14_000, ['n1']]] },
  ],
  ['F9', 'an extra run is taken out of the document', { doc: { run_at: [day(40_000)] } }, { doc: { run_at: [] } }],
  [
    'F11',
    'a field is as a person wrote it',
    { edits: [['tags', 32_000, set({ tags: ['t2'] })]] },
    {
      edits: [['tags', 32_000, set({ tags: ['t2'] })]],
      doc: { tags: ['t2'] },
    },
  ],
  ['F11', 'a job stays where a person put it', { doc: { ip: 'n1' } }, SAME],
  [
    'F11',
    'a document that was written back is as it was read',
    { edits: [['write-back', 32_000, set({ ...JOB, next_run_time: day(35_000), ip: 'n0' })]], doc: { args: ['v0'] } },
    { edits: [['write-back', 32_000, set({ ...JOB, next_run_time: day(35_000), ip: 'n0' })]] },
  ],
  [
    'F2',
    'an old copy that is written back orders no run',
    {
      edits: [['write-back', 36_000, set({ ...JOB, next_run_time: day(35_000) })]],
      runs: { 35000: [{}, { after: 1_100 }] },
    },
    { edits: [['write-back', 36_000, set({ ...JOB, next_run_time: day(35_000) })]] },
  ],
  [
    'F4',
    'a job that is replaced by a paused one does not run',
    { edits: [['replace', 32_000, { ...JOB, next_run_time: null }]], doc: { next_run_time: null } },
    {
      edits: [['replace', 32_000, { ...JOB, next_run_time: null }]],
      idle: [35_000, 80_000],
      doc: { next_run_time: null },
    },
  ],
  [
    'F11',
    'a pause is kept',
    { edits: [['pause', 32_000, PAUSE]], idle: [35_000, 80_000] },
    {
      edits: [['pause', 32_000, PAUSE]],
      idle: [35_000, 80_000],
      doc: { next_run_time: null },
    },
  ],
  [
    'F11',
    'a document is gone only if a person deleted it',
    { doc: null },
    {
      edits: [['delete', 32_000, {}]],
      idle: [35_000, 80_000],
      doc: null,
    },
  ],
  [
    'F12',
    'what climbs all the while is a leak, what a pool takes once is none',
    { lines: samples(i => 40 + i * 12) },
    { lines: samples(i => (i < 7 ? 40 : 90)) },
  ],
  [
    'F12',
    'memory that is given back in the end is no leak',
    { lines: heap(i => 100_000 + i * 12_000) },
    { lines: heap(() => 110_000) },
  ],
  [
    'F12',
    'in the calm nothing climbs',
    { lines: samples(i => (i < 12 ? 40 : 5 * i - 20)) },
    { lines: samples(i => (i < 13 ? 40 : 44)) },
  ],
  [
    'F12',
    'in the calm a young pool fills, and does not go on beyond those of its elders',
    { lines: pools(i => 16 + 4 * i) },
    { lines: pools(i => 2 + 4 * i) },
  ],
  [
    'F12',
    'a cursor of a process that was killed since it last read is nobody’s',
    { lines: cursors },
    { lines: cursors, exits: [['n1', 21_000]] },
  ],
  [
    'F13',
    'a fault of some length is told by some node',
    { faults: [['cut', 34_000, 40_000, ['n1']]], silent: true },
    { faults: [['cut', 34_000, 38_000, ['n1']]], silent: true },
  ],
  [
    'F13',
    'a process ends when it is asked to',
    { lines: [{ at: 50_000, f: 'process', what: 'exit', ip: 'n2', pid: 3, code: 1, signal: null, asked: false }] },
    {
      lines: [{ at: 50_000, f: 'process', what: 'exit', ip: 'n2', pid: 3, code: null, signal: 'SIGKILL', asked: true }],
    },
  ],
  [
    'F13',
    'a process that says that it finds no database ends where there was none',
    { lines: unreached('n2', 50_000), faults: [['cut', 45_000, 52_000, ['n1']]] },
    { lines: unreached('n2', 50_000), faults: [['cut', 45_000, 52_000, ['n2']]] },
  ],
]

const CASES = [...LOST, ...ONCE, ...STARTS, ...KEPT]
const JUDGE = fileURLToPath(new URL('judge.py', import.meta.url))
const python = (...folders: readonly string[]) =>
  execFileSync(process.env.PYTHON ?? 'python3', ['-B', JUDGE, ...folders], { stdio: 'pipe' })

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidewheel-judge-'))
  CASES.forEach(([, , found, passed], i) => {
    write(join(folder, `${i}-found`), found)
    write(join(folder, `${i}-passed`), passed)
  })
  python(...CASES.flatMap((_, i) => [join(folder, `${i}-found`), join(folder, `${i}-passed`)]))
}, 60_000)

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function verdict(name: string): { readonly classes: Doc; readonly violations: readonly { what: string }[] } {
  return JSON.parse(readFileSync(join(folder, name, 'verdict.json'), 'utf8'))
}

describe.each(CASES.map(([id, what], i) => ({ id, what, i })))('$id: $what', ({ id, i }) => {
  test('what breaks it is found', () => {
    const { classes, violations } = verdict(`${i}-found`)
    expect(Object.keys(classes), violations.map(({ what }) => what).join('\n')).toContain(id)
  })

  test('what keeps it is passed', () => {
    expect(verdict(`${i}-passed`).violations.map(({ what }) => what)).toEqual([])
  })
})

test.each([
  ['fault', { faults: [['flood', 1_000, 2_000]] }],
  ['edit', { edits: [['shout', 1_000, {}]] }],
] as const)('a history with a %s that the judge does not know is not judged', (what, story) => {
  const name = join(folder, `unknown-${what}`)
  write(name, story)
  expect(() => python(name)).toThrow(`the judge knows no ${what}`)
})
