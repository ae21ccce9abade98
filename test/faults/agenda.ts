/** Agenda: the reference line. The same jobs, edits and faults, in the words of Agenda's documents.
 *  It is installed from the registry into a cache folder when it is asked for. A node is a job name (`note@n0`), a move is
 *  another name; it has no run times of its own in a run, no standby, no history, so that these are left out or inferred. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Document, ObjectId } from 'mongodb'
import type { Edit, Plan, Trigger } from './plan.ts'

export const AGENDA_NODE = fileURLToPath(new URL('agenda-node.js', import.meta.url))
const PACKAGES = ['agenda@6', '@agendajs/mongo-backend']

/** Answers the folder it is installed in. */
export function installAgenda(): string {
  const folder = join(homedir(), '.cache', 'tidewheel', 'agenda-6')
  if (existsSync(join(folder, 'node_modules', 'agenda'))) return folder
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private": true}')
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...PACKAGES], {
    cwd: folder,
    stdio: 'ignore',
    timeout: 120_000,
  })
  return folder
}

/** Faults that know how a node of ours, or its collection, is made. */
const OURS: ReadonlySet<string> = new Set([
  'twin',
  'loop-blocked',
  'stream-killed',
  'renamed',
  'dropped',
  'evict',
  'drain',
  'rebalance',
  'move-kill',
  'crowd',
])
/** Edits that it has no words for. */
const OUR_EDITS: ReadonlySet<string> = new Set(['place', 'extra', 'cancel', 'write-back', 'replace-back', 'replace'])

/** The part of a plan that both can do: cron triggers, no standby, no placing, no extra runs, brief bodies. */
export function common(plan: Plan): Plan {
  const simple = (trigger: Trigger): Trigger => ({
    type: 'cron',
    expression: `${(trigger.phase ?? 0) % 3}-59/${trigger.seconds ?? 5} * * * * *`,
    timezone: 'UTC',
  })
  const left = plan.faults.filter(({ kind }) => !OURS.has(kind) && !kind.startsWith('kill-'))
  return {
    ...plan,
    name: 'common',
    faults: left.map(fault => (fault.kind === 'storm' ? { ...fault, amount: 0 } : fault)),
    jobs: plan.jobs.map(({ _id, node, trigger }, i) => ({
      _id,
      node: node ?? i % plan.nodes,
      trigger: simple(trigger),
      body: 10,
      more: {},
    })),
    edits: plan.edits
      .filter(({ kind, job, copyOf }) => !OUR_EDITS.has(kind) && copyOf === undefined && !/-c\d+$/.test(job))
      .map(edit => (edit.trigger === undefined ? edit : { ...edit, trigger: simple(edit.trigger) })),
  }
}

const SECONDS = /^(\d+)-59\/(\d+) /

/** The next time of a cron of seconds. */
function nextOf(expression: string): Date {
  const [, from = '0', step = '1'] = SECONDS.exec(expression) ?? []
  const now = Math.floor(Date.now() / 1_000) + 1
  for (let second = now; ; second++) {
    const left = (second % 60) - Number(from)
    if (left >= 0 && left % Number(step) === 0) return new Date(second * 1_000)
  }
}

/** One of our documents as Agenda would have it. */
export function agendaDocument(ours: Document): Document {
  const { expression, timezone } = ours.trigger
  const { _id: job, args, tags, x_ver, kwargs, ip } = ours
  return {
    _id: new ObjectId(),
    name: `note@${ip}`,
    type: 'normal',
    priority: 0,
    data: { job, args, tags, x_ver, ms: kwargs.ms },
    nextRunAt: nextOf(expression),
    repeatInterval: expression,
    repeatTimezone: timezone,
    disabled: false,
  }
}

/** One of our updates as a person would make it there. */
export function agendaUpdate(edit: Edit, ours: Document, expression: string): Document {
  const { args, tags, x_ver, trigger, ip, next_run_time } = ours.$set ?? {}
  const data = {
    ...(args !== undefined && { 'data.args': args }),
    ...(tags !== undefined && { 'data.tags': tags }),
    ...(x_ver !== undefined && { 'data.x_ver': x_ver }),
  }
  switch (edit.kind) {
    case 'move':
      return { $set: { ...data, name: `note@${ip}` } }
    case 'pause':
      return { $set: { ...data, disabled: true } }
    case 'resume':
      return { $set: { ...data, disabled: false, nextRunAt: nextOf(expression) } }
    case 'order':
      return { $set: { ...data, nextRunAt: next_run_time } }
    case 'trigger':
      return { $set: { ...data, repeatInterval: trigger.expression, nextRunAt: nextOf(trigger.expression) } }
    default:
      return { $set: data }
  }
}

/** One of its documents in our words, for the judge. */
export function fromAgenda(found: Document): Document {
  const { data, name, repeatInterval, repeatTimezone, nextRunAt, disabled } = found
  return {
    _id: data.job,
    func: 'witness:note',
    ip: name.slice('note@'.length),
    trigger: { type: 'cron', expression: repeatInterval, timezone: repeatTimezone },
    args: data.args,
    kwargs: { ms: data.ms },
    tags: data.tags,
    x_ver: data.x_ver,
    next_run_time: disabled ? null : nextRunAt,
  }
}
