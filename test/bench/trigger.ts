/** How fast triggers answer: the next time of common cron triggers, parsed once, beside cron-parser and croner in the
 *  same process, by fields and by text; and the slowest call that any trigger of the vectors makes. */
import { readFileSync } from 'node:fs'
import { CronExpressionParser } from 'cron-parser'
import { Cron } from 'croner'
import { parseTrigger, type Trigger } from '../../src/trigger/trigger.ts'

/** The text for all three and, where given, the fields that say the same for ours. */
const TRIGGERS: readonly (readonly [
  text: string,
  timezone: string,
  fields?: Readonly<Record<string, string | number>>,
])[] = [
  ['* * * * * *', 'UTC', { second: '*' }],
  ['* * * * *', 'UTC', { minute: '*' }],
  ['*/5 * * * *', 'Europe/Berlin', { minute: '*/5' }],
  ['0 * * * *', 'America/New_York', { minute: 0 }],
  ['30 3 * * *', 'Europe/Berlin', { hour: 3, minute: 30 }],
  ['0 9 * * 1-5', 'America/New_York', { day_of_week: 'mon-fri', hour: 9 }],
  ['*/20 9-17 * * 1-5', 'Asia/Tokyo', { day_of_week: 'mon-fri', hour: '9-17', minute: '*/20' }],
  ['0 0 1 * *', 'Australia/Sydney', { day: 1 }],
  ['0 12 1,15 * *', 'UTC', { day: '1,15', hour: 12 }],
  ['0 0 1 1 *', 'Europe/London', { month: 1 }],
  ['0 6 L * *', 'America/Chicago', { day: 'last', hour: 6 }],
]

const START = new Date('2026-01-01T00:00:00Z')
const ROUNDS = 5
const CALLS = 200
/** Slower than the faster of the two others is too slow. */
const LIMIT_RATIO = 1
const LIMIT_MS = 5

/** Microseconds a call: a walk of CALLS calls from START, once to warm up, then the median of five. */
function median(begin: () => () => void): number {
  const round = (): number => {
    const call = begin()
    const before = performance.now()
    for (let i = 0; i < CALLS; i++) call()
    return ((performance.now() - before) * 1000) / CALLS
  }
  round()
  return Array.from({ length: ROUNDS }, round).sort((a, b) => a - b)[ROUNDS >> 1] as number
}

function ours(raw: Trigger): number {
  const trigger = parseTrigger(raw)
  return median(() => {
    let t = trigger.next(null, START.getTime())
    return () => {
      t = trigger.next(t, t ?? 0)
    }
  })
}

function cronParser(text: string, tz: string): number {
  const expression = CronExpressionParser.parse(text, { tz, currentDate: START })
  return median(() => {
    expression.reset(START)
    return () => expression.next()
  })
}

function croner(text: string, timezone: string): number {
  const cron = new Cron(text, { timezone, paused: true })
  return median(() => {
    let t = cron.nextRun(START)
    return () => {
      t = cron.nextRun(t ?? START)
    }
  })
}

/** How often the system has taken the processor away: a call that this happened to says nothing. */
const interruptions = () => process.resourceUsage().involuntaryContextSwitches

/** The slowest of ten calls along each trigger of the vectors, after one to warm up. */
function slowest(): readonly [ms: number, id: string] {
  let most: readonly [number, string] = [0, '']
  for (const name of ['triggers.jsonl', 'crontab.jsonl']) {
    for (const line of readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')
      .trim()
      .split('\n')) {
      const { id, trigger: raw, now, previous, fires } = JSON.parse(line)
      if (!fires) continue
      let trigger: ReturnType<typeof parseTrigger>
      try {
        trigger = parseTrigger(raw)
      } catch {
        continue
      }
      let at = previous === null ? null : Date.parse(previous)
      trigger.next(at, Date.parse(now))
      for (let i = 0; i < 10; i++) {
        const calm = interruptions()
        const before = performance.now()
        const next = trigger.next(at, Date.parse(now))
        const ms = performance.now() - before
        if (ms > most[0] && interruptions() === calm) most = [ms, id]
        if (next === null) break
        at = next
      }
    }
  }
  return most
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  return rows.map(line).join('\n')
}

export async function bench(): Promise<void> {
  const rows = [
    ['next time of', 'zone', 'text µs', 'fields µs', 'cron-parser µs', 'croner µs', 'text ×', 'fields ×', 'limit ×'],
  ]
  for (const [text, timezone, fields] of TRIGGERS) {
    const others = [cronParser(text, timezone), croner(text, timezone)] as const
    const own = [
      ours({ type: 'cron', expression: text, timezone }),
      fields ? ours({ type: 'cron', ...fields, timezone }) : Number.NaN,
    ]
    const best = Math.min(...others)
    const figures = [...own, ...others].map(us => us.toFixed(2))
    const ratios = own.map(us => (best / us).toFixed(1))
    rows.push([text, timezone, ...figures, ...ratios, `>= ${LIMIT_RATIO}`])
  }
  console.log(table(rows))
  console.log('(×: how many times faster than the faster of the two others)\n')
  const [ms, id] = slowest()
  console.log(
    table([
      ['slowest call of the vectors', 'trigger', 'ms', 'limit ms'],
      ['', id, ms.toFixed(3), `< ${LIMIT_MS}`],
    ]),
  )
}
