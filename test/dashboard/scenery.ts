/** Scenery: what the pictures of the page show: six nodes of all kinds, jobs with names, an hour of runs, some that failed or never ran.
 *  In: the time. Out: documents as they lie in the database. Two of the nodes are there in truth; the others are only registered. */

export type Loose = Record<string, unknown> & { _id: string }

export const HERE = '10.20.4.11'
export const THERE = '10.20.4.12'
const AHEAD = '10.20.4.13'
const GPU = 'gpu-01'
const DRAINING = '10.20.4.15'
const DEAD = '10.20.4.17'
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** The same numbers in every picture. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

interface Kind {
  readonly id: string
  readonly ip: string
  readonly trigger: Record<string, unknown>
  /** How far apart its runs are. */
  readonly everyMs: number
  readonly tookMs: number
  /** Of a hundred runs. */
  readonly fails?: number
  readonly misses?: number
  readonly more?: Record<string, unknown>
}

const cron = (fields: Record<string, unknown>) => ({ type: 'cron', ...fields })
const every = (fields: Record<string, unknown>) => ({ type: 'interval', ...fields })

const KINDS: readonly Kind[] = [
  { id: 'webhook-retry', ip: HERE, trigger: every({ seconds: 20 }), everyMs: 20_000, tookMs: 4_000, fails: 12 },
  { id: 'cart-sweeper', ip: AHEAD, trigger: every({ seconds: 30 }), everyMs: 30_000, tookMs: 9_000 },
  { id: 'stock-levels', ip: AHEAD, trigger: every({ minutes: 1 }), everyMs: MINUTE_MS, tookMs: 31_000 },
  { id: 'price-feed-eu', ip: THERE, trigger: cron({ second: '5' }), everyMs: MINUTE_MS, tookMs: 24_000 },
  { id: 'price-feed-us', ip: THERE, trigger: cron({ second: '20' }), everyMs: MINUTE_MS, tookMs: 41_000, fails: 4 },
  { id: 'thumb-backlog', ip: GPU, trigger: every({ minutes: 3 }), everyMs: 3 * MINUTE_MS, tookMs: 154_000, fails: 20 },
  {
    id: 'invoice-reminders',
    ip: HERE,
    trigger: cron({ minute: '*/5', hour: '5-18', timezone: 'Europe/London' }),
    everyMs: 5 * MINUTE_MS,
    tookMs: 84_000,
    fails: 3,
    misses: 4,
    more: { name: 'Reminds of open invoices', kwargs: { limit: 500 }, timeout: 60, standby: [THERE] },
  },
  {
    id: 'dunning-letters',
    ip: HERE,
    trigger: cron({ hour: 14, minute: 5, day_of_week: 'mon-fri' }),
    everyMs: DAY_MS,
    tookMs: 812,
    fails: 40,
  },
  { id: 'bounce-scan', ip: DRAINING, trigger: every({ minutes: 10 }), everyMs: 10 * MINUTE_MS, tookMs: 203_000 },
  {
    id: 'payout-batch',
    ip: THERE,
    trigger: every({ minutes: 15 }),
    everyMs: 15 * MINUTE_MS,
    tookMs: 408_000,
    misses: 20,
  },
  { id: 'session-gc', ip: HERE, trigger: cron({ minute: '0,30' }), everyMs: 30 * MINUTE_MS, tookMs: 9_400 },
  { id: 'etl-orders', ip: HERE, trigger: cron({ minute: 40 }), everyMs: HOUR_MS, tookMs: 1_450_000 },
  { id: 'search-reindex', ip: GPU, trigger: cron({ hour: 2 }), everyMs: DAY_MS, tookMs: 1_800_000, fails: 30 },
  {
    id: 'daily-digest',
    ip: HERE,
    trigger: cron({ hour: 7, timezone: 'America/New_York' }),
    everyMs: DAY_MS,
    tookMs: 42_000,
  },
  { id: 'fx-rates', ip: DEAD, trigger: every({ minutes: 1 }), everyMs: MINUTE_MS, tookMs: 2_200 },
  {
    id: 'ledger-close',
    ip: DEAD,
    trigger: cron({ day: 'last', hour: 23, minute: 30 }),
    everyMs: 30 * DAY_MS,
    tookMs: 362_000,
  },
]

const standing = (kind: Kind, now: number): Loose => ({
  _id: kind.id,
  func: 'do:note',
  trigger: kind.trigger,
  ip: kind.ip,
  tags: [['billing', 'shop', 'ops', 'mail'][kind.id.length % 4], 'prod'],
  next_run_time: new Date(kind.ip === DEAD ? now - 4 * MINUTE_MS : now + 12 * MINUTE_MS + kind.id.length * 20_000),
  ...kind.more,
})

/** Named ones, and as many others as are wanted, most of them due within the hour and many at its full minutes. */
export function jobsOf(now: number, many: number): readonly Loose[] {
  const roll = dice(7)
  const ips = [HERE, HERE, THERE, THERE, AHEAD, AHEAD, GPU, DRAINING]
  const others = Array.from({ length: many }, (_, i): Loose => {
    const due = now + 20 * MINUTE_MS + roll() * (i < 900 ? HOUR_MS : 20 * DAY_MS)
    const step = [15, 15, 5, 1][i % 4] as number
    const at = i % 5 === 0 ? due : Math.ceil(due / (step * MINUTE_MS)) * step * MINUTE_MS
    const name = ['hourly', 'report', 'sync', 'backup', 'export', 'cleanup'][i % 6]
    return {
      _id: `${name}-${String(i).padStart(5, '0')}`,
      func: 'do:note',
      trigger: i % 3 === 0 ? cron({ hour: i % 24, minute: i % 60 }) : every({ minutes: 90 + (i % 90) }),
      ip: ips[i % ips.length],
      tags: [['billing', 'ops', 'shop', 'mail'][i % 4], 'prod'],
      ...(i % 5 !== 0 && { standby: 'any' }),
      ...(i % 97 === 0 ? { next_run_time: null, note: 'until Monday, ask Ann' } : { next_run_time: new Date(at) }),
    }
  })
  return [...KINDS.map(kind => standing(kind, now)), ...others]
}

/** Of the last hour, and of the last days for those that run seldom. */
export function rowsOf(now: number): readonly Loose[] {
  const roll = dice(11)
  return KINDS.flatMap(kind => {
    const count = Math.min(200, Math.max(24, Math.floor((1.1 * HOUR_MS) / kind.everyMs)))
    return Array.from({ length: count }, (_, i): Loose => {
      const due = now - 30_000 - (count - 1 - i) * kind.everyMs - (kind.ip === DEAD ? 4 * MINUTE_MS : 0)
      const share = roll() * 100
      const fails = kind.fails ?? 1
      const status =
        share < fails
          ? kind.id === 'search-reindex'
            ? 'timeout'
            : 'error'
          : share < fails + (kind.misses ?? 1)
            ? i % 2 === 0
              ? 'missed'
              : 'max_instances'
            : 'executed'
      const ran = status === 'executed' || status === 'error' || status === 'timeout'
      const late = Math.round(8 + roll() * 20 + (roll() > 0.93 ? roll() * 600 : 0))
      const duration = Math.min(now - due - late, Math.round(kind.tookMs * (0.4 + 0.9 * roll())))
      const started = new Date(due + late)
      return {
        _id: `${kind.id}-${String(i).padStart(4, '0')}`,
        job_id: kind.id,
        func: 'do:note',
        ip: kind.ip,
        node: kind.ip,
        status,
        run_time: new Date(due),
        attempt: 1,
        scheduled: true,
        late,
        ...(ran && { started, finished: new Date(started.getTime() + duration) }),
        duration: ran ? duration : null,
        result: status === 'executed' ? { sent: Math.round(roll() * 400) } : null,
        ...(status === 'error' && {
          exception: 'SmtpError: 421 too many connections',
          traceback:
            'SmtpError: 421 too many connections\n    at Mailer.open (billing/smtp.js:88:13)\n    at remind (billing/mail.js:41:22)',
        }),
        ...(ran && { log: 'begun, 412 invoices due\n100 of 412 sent\nin-4471: no address, left out\nall done' }),
        recorded: new Date(due + late + (ran ? duration : 0)),
      }
    })
  })
}

/** They live for hours without a process, but for the dead one. */
export function nodesOf(now: number): readonly Loose[] {
  const living = {
    version: '0.1.0',
    started: new Date(now - DAY_MS),
    seen: new Date(now),
    lease: 6 * HOUR_MS,
    timezone: 'UTC',
  }
  const stream = { open: true, behind: 100 }
  return [
    { ...living, _id: AHEAD, host: 'app-c', pid: 655, status: 'active', jobs: 3_401, running: 20, offset: 412, stream },
    { ...living, _id: GPU, host: 'gpu-01', pid: 97, status: 'active', jobs: 36, running: 5, offset: 0, stream },
    {
      ...living,
      _id: DRAINING,
      host: 'app-d',
      pid: 4_012,
      status: 'draining',
      wanted: 'draining',
      jobs: 212,
      running: 3,
      offset: 8,
      stream,
    },
    {
      ...living,
      _id: DEAD,
      incarnation: 'x',
      host: 'app-f',
      pid: 518,
      status: 'active',
      jobs: 41,
      running: 0,
      seen: new Date(now - 4 * MINUTE_MS),
      lease: 15_000,
    },
  ]
}

/** What needs a person. */
export const wrongJobs = (): readonly Loose[] => [
  { _id: 'cohort-report', func: 'do:note', trigger: cron({ hour: 25 }), ip: HERE },
  {
    _id: 'legacy-ftp-pull',
    func: 'do:fail',
    trigger: every({ hours: 1 }),
    ip: HERE,
    run_at: [new Date()],
    pause_after_failures: 1,
  },
  {
    _id: 'migrate-orders',
    func: 'do:talk',
    trigger: every({ hours: 5 }),
    ip: HERE,
    run_at: [new Date()],
    tags: ['etl'],
  },
]

export const manyNodes = (now: number, count: number): readonly Loose[] =>
  Array.from({ length: count }, (_, i) => ({
    ...(nodesOf(now)[i % 3] as Loose),
    _id: `10.20.${4 + (i >> 4)}.${11 + (i % 16)}`,
    host: `app-${i}`,
    pid: 400 + i * 7,
    jobs: 200 + ((i * 97) % 900),
    offset: (i * 13) % 40,
  }))
