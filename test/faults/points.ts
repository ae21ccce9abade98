/** Points: the moments in the way of a run at which its node can be killed to the message.
 *  In: a request that a node sends. Out: the runs that it carries past a point. A trap on the node's line keeps the request from
 *  the server, or its answer from the node, and the process ends at that instant. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Document } from 'mongodb'
import { until } from './history.ts'
import { type Command, readWrite } from './messages.ts'

/** The claim is on its way; it is stored and not answered; the final row is on its way; the row is stored, and the entry is
 *  about to leave the document. */
export type Point = 'claim-sent' | 'claim-stored' | 'row-sent' | 'pull-sent'

export interface CaughtRun {
  readonly run: string
  /** Of a claim: whose, and for when. */
  readonly job?: string
  readonly sched?: number
  /** Of an end: how it ended. */
  readonly status?: string
}

/** What is kept back when a request is caught. */
export const KEPT: Readonly<Record<Point, 'request' | 'answer'>> = {
  'claim-sent': 'request',
  'claim-stored': 'answer',
  'row-sent': 'request',
  'pull-sent': 'request',
}

/** The runs that a request carries past the point; none: it is another one. */
export function runsAt(point: Point, message: Buffer): readonly CaughtRun[] {
  const command = readWrite(message)
  if (command === undefined) return []
  const { collection } = command
  if (point === 'row-sent') return collection === 'executions' ? finalRows(command) : []
  if (collection !== 'jobs') return []
  return command.statements.flatMap(({ u }) => (point === 'pull-sent' ? pulled(u) : claimed(u)))
}

/** Whether a request writes back plans of jobs, and claims none. */
export function isPlan(request: Buffer): boolean {
  const command = readWrite(request)
  if (command?.name !== 'update' || command.collection !== 'jobs') return false
  return command.statements.some(({ u }) => u?.$set?.['state.planned'] !== undefined && claimed(u).length === 0)
}

function claimed(update: Document | undefined): readonly CaughtRun[] {
  const entry = update?.$push?.['state.running']
  return entry === undefined ? [] : [{ run: entry.run_id, job: entry.job, sched: entry.run_time.getTime() }]
}

function pulled(update: Document | undefined): readonly CaughtRun[] {
  const run = update?.$pull?.['state.running']?.run_id
  const status = update?.$set?.['state.last_status']
  return run === undefined || status === undefined ? [] : [{ run, status }]
}

/** Rows of runs that did start, and ended. */
function finalRows({ name, statements }: Command): readonly CaughtRun[] {
  const rows = name === 'insert' ? statements : statements.map(({ u }) => u ?? {})
  return rows
    .filter(({ _id, status, started }) => _id !== undefined && status !== 'started' && started != null)
    .map(({ _id, status }) => ({ run: _id, status }))
}

/** Resolves while a body of some length goes on, if there is one soon. */
export async function inBody(witness: string): Promise<void> {
  const isOpen = () => {
    if (!existsSync(witness)) return false
    const { size } = statSync(witness)
    const lines = readFileSync(witness)
      .subarray(Math.max(0, size - 4_096))
      .toString()
      .split('\n')
    const last = lines.slice(1).filter(Boolean).at(-1)
    return last?.startsWith('{"type":"start"') === true
  }
  await until(isOpen, 5_000, 'a run goes on').catch(() => {})
}
