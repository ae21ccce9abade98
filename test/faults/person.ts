/** Person: edits jobs through a plain driver with majority writes, and writes down what was asked and what was acknowledged.
 *  In: planned edits, at their times. Out: lines in the history, with the server's time of each write (`op`).
 *  Edits of one job follow one another. One whose answer is unknown is made again until it is acknowledged, save orders of a
 *  run and requests to abort one: for these both outcomes stay possible. A job whose copy could not be made is skipped. */
import type { ClientSession, Collection, Document, MongoClient, Timestamp } from 'mongodb'
import { agendaDocument, agendaUpdate } from './agenda.ts'
import { type History, sleep, trueNow, until } from './history.ts'
import { DB } from './node-slot.ts'
import type { Edit, JobPlan, Plan, Trigger } from './plan.ts'

type Loose = Document & { _id: string }

export interface Person {
  /** Stores all jobs of the plan. */
  insertAll(): Promise<void>
  /** Resolves when it is acknowledged; never rejects. */
  edit(edit: Edit): Promise<void>
  idle(): Promise<void>
  /** Begins no edit until the function is called that it resolves with, when none is under way any more. */
  hold(): Promise<() => void>
}

/** A document as it lay there at some time between these two. */
interface Read {
  readonly found: Document
  readonly lo: number
  readonly hi: number
}

const HOUR = 3_600_000
const MAJORITY = { writeConcern: { w: 'majority' as const, wtimeoutMS: 20_000 } }

export function personOf(plan: Plan, client: MongoClient, history: History, agenda = false): Person {
  const jobs: Collection<Loose> = client.db(DB).collection(agenda ? 'agenda' : 'jobs')
  const expressions = new Map<string, string>()
  const planned = new Map(plan.jobs.map(job => [job._id, job]))
  const versions = new Map<string, number>()
  const queues = new Map<string, Promise<void>>()
  const underWay = new Set<Edit>()
  const skipped = new Set<string>()
  const documents = new Map<string, Read>()
  let held: Promise<void> | undefined
  const hour = Math.floor(trueNow() / HOUR) * HOUR - HOUR

  const triggerOf = ({ phase, ...trigger }: Trigger): Document => ({
    ...trigger,
    ...(phase !== undefined && { start_date: new Date(hour + phase) }),
  })

  const documentOf = (job: JobPlan, ver: number, trigger: Trigger, node: number | undefined): Loose => ({
    _id: job._id,
    func: job.func ?? 'witness:note',
    ...(node !== undefined && { ip: `n${node}` }),
    ...(job.standby !== undefined && {
      standby: job.standby === 'any' ? 'any' : job.standby.map(other => `n${other}`),
    }),
    trigger: triggerOf(trigger),
    args: [`v${ver}`],
    kwargs: { ms: job.body, ...(job.fail !== undefined && { fail: job.fail }) },
    tags: [`t${ver}`],
    x_ver: ver,
    ...job.more,
  })

  function updateOf(edit: Edit, ver: number): Document {
    const mark = edit.marked ? { x_ver: ver } : {}
    const set = (fields: Document) => ({ $set: { ...fields, ...mark } })
    switch (edit.kind) {
      case 'args':
        return set({ args: [`v${ver}`] })
      case 'tags':
        return set({ tags: [`t${ver}`] })
      case 'move':
        return { ...set({ ip: `n${edit.node}` }), ...(edit.unplanned && { $unset: { next_run_time: '' } }) }
      case 'pause':
        return set({ next_run_time: null })
      case 'trigger':
        return set({ trigger: triggerOf(edit.trigger as Trigger) })
      case 'order':
        return set({ next_run_time: new Date(Date.now() + (edit.later ?? 0)) })
      case 'resume':
        return { $unset: { next_run_time: '' }, ...(edit.marked && { $set: mark }) }
      case 'place':
        return { $unset: { ip: '' }, ...(edit.marked && { $set: mark }) }
      case 'extra':
        return { $push: { run_at: new Date() }, ...(edit.marked && { $set: mark }) }
      default:
        throw new RangeError(edit.kind)
    }
  }

  /** Makes one write; answers the server's time of it, or null where an earlier try may have done it. */
  async function write(edit: Edit, what: Document, again: boolean): Promise<Timestamp | null> {
    const session: ClientSession = client.startSession()
    const options = { ...MAJORITY, session }
    try {
      const one = (agenda ? { 'data.job': edit.job } : { _id: edit.job }) as { _id: string }
      if (edit.kind === 'replace' || edit.kind === 'replace-back') {
        const { matchedCount } = await jobs.replaceOne(one, what, options)
        if (matchedCount === 0) throw new Gone()
      } else if (edit.kind === 'insert') await jobs.insertOne((agenda ? agendaDocument(what) : what) as Loose, options)
      else if (edit.kind === 'delete') {
        const { deletedCount } = await jobs.deleteOne(one, options)
        if (deletedCount === 0) return again ? null : Promise.reject(new Gone())
      } else {
        const update = agenda ? agendaUpdate(edit, what, expressions.get(edit.job) ?? '') : what
        const { matchedCount } = await jobs.updateOne(one, update, options)
        if (matchedCount === 0) throw new Gone()
      }
      return session.operationTime ?? null
    } catch (error) {
      if (again && edit.kind === 'insert' && (error as { code?: number }).code === 11_000) return null
      throw error
    } finally {
      await session.endSession().catch(() => {})
    }
  }

  /** Waits for the moment near a run time that an edit asks for. */
  async function moment({ job, due }: Edit): Promise<void> {
    const { phase = 0, seconds = 1 } = planned.get(job)?.trigger ?? {}
    if (due === undefined) return
    const now = trueNow()
    const first = hour + phase + Math.ceil((now - hour - phase) / (seconds * 1_000)) * seconds * 1_000
    await sleep(Math.max(0, first + due - now))
  }

  async function carryOut(edit: Edit): Promise<void> {
    await moment(edit)
    while (held !== undefined) await held
    underWay.add(edit)
    await make(edit)
    underWay.delete(edit)
  }

  /** The document as it lies there now. */
  async function read(job: string): Promise<Read> {
    for (let attempt = 0; ; attempt++) {
      const lo = trueNow()
      try {
        const found = await jobs.findOne({ _id: job }, { readConcern: { level: 'majority' } })
        if (found === null) throw new Gone()
        return { found, lo, hi: trueNow() }
      } catch (error) {
        if (error instanceof Gone || attempt > 300) throw error
        await sleep(200)
      }
    }
  }

  interface Asked {
    readonly what: Document
    /** For the history. */
    readonly told?: Readonly<Record<string, unknown>>
  }

  /** What an edit writes; some say what they read a while before. */
  async function asked(edit: Edit, ver: number): Promise<Asked> {
    const job = planned.get(edit.job)
    switch (edit.kind) {
      case 'delete':
        return { what: {} }
      case 'insert':
      case 'replace': {
        if (edit.copyOf !== undefined) {
          const { found, lo, hi } = await read(edit.copyOf)
          return { what: { ...found, _id: edit.job }, told: { copy_of: edit.copyOf, read_lo: lo, read_hi: hi } }
        }
        return { what: documentOf(job as JobPlan, ver, edit.trigger ?? (job as JobPlan).trigger, edit.node) }
      }
      case 'write-back':
      case 'replace-back': {
        const kept = edit.age === undefined ? documents.get(edit.job) : undefined
        const { found, lo, hi } = kept ?? (await read(edit.job))
        await sleep(edit.age ?? 0)
        const { _id, ...rest } = found
        return { what: edit.kind === 'write-back' ? { $set: rest } : found, told: { read_lo: lo, read_hi: hi } }
      }
      case 'cancel': {
        const { found } = edit.of === 'oldest' ? await read(edit.job) : {}
        const run: string = found?.state?.running?.[0]?.run_id ?? '*'
        return { what: { $set: { cancel: run } }, told: run === '*' ? {} : { run } }
      }
      default:
        return { what: updateOf(edit, ver), ...(edit.fault !== undefined && { told: { fault: edit.fault } }) }
    }
  }

  async function make(edit: Edit): Promise<void> {
    if (edit.kind === 'read') {
      documents.set(edit.job, await read(edit.job))
      return
    }
    const ver = (versions.get(edit.job) ?? 0) + 1
    versions.set(edit.job, ver)
    const base = { f: 'edit', job: edit.job, kind: edit.kind, ver, marked: edit.marked }
    if (skipped.has(edit.job)) return history.write({ ...base, type: 'skip', why: 'its copy was not made' })
    let ask: Asked
    try {
      ask = await asked(edit, ver)
    } catch (error) {
      const isCopy = edit.copyOf !== undefined
      if (isCopy) skipped.add(edit.job)
      return history.write({
        ...base,
        type: isCopy ? 'skip' : 'fail',
        lo: trueNow(),
        hi: trueNow(),
        why: String(error),
      })
    }
    const { what, told } = ask
    const expression =
      edit.trigger?.expression ?? (edit.kind === 'insert' ? planned.get(edit.job)?.trigger.expression : '')
    if (edit.kind === 'insert' || edit.kind === 'trigger') expressions.set(edit.job, expression ?? '')
    const lo = trueNow()
    const line = { ...base, ...told, what: plain(what), lo }
    for (let attempt = 0; ; attempt++) {
      try {
        const op = await write(edit, what, attempt > 0)
        const at = op === null || attempt > 0 ? null : [op.getHighBits() >>> 0, op.getLowBits() >>> 0]
        return history.write({ ...line, type: 'ok', hi: trueNow(), op: at, info: attempt > 0 })
      } catch (error) {
        const why = String(error)
        if (error instanceof Gone) return history.write({ ...line, type: 'fail', hi: trueNow(), why })
        if (edit.kind === 'order' || edit.kind === 'extra' || edit.kind === 'cancel')
          return history.write({ ...line, type: 'info', hi: trueNow(), op: null, info: true, why })
        if (attempt > 300) return history.write({ ...line, type: 'info', hi: trueNow(), op: null, info: true, why })
        await sleep(200)
      }
    }
  }

  return {
    async insertAll() {
      for (const { _id, trigger, node } of plan.jobs)
        await carryOut({ at: 0, job: _id, kind: 'insert', marked: true, trigger, ...(node !== undefined && { node }) })
    },
    edit(edit) {
      const turn = (queues.get(edit.job) ?? Promise.resolve()).then(() => carryOut(edit))
      queues.set(edit.job, turn)
      return turn
    },
    async idle() {
      await Promise.all(queues.values())
    },
    async hold() {
      while (held !== undefined) await held
      let goOn = () => {}
      held = new Promise(resolve => {
        goOn = () => {
          held = undefined
          resolve()
        }
      })
      await until(() => underWay.size === 0, 60_000, 'edits that were begun are acknowledged').catch(error => {
        goOn()
        throw error
      })
      return goOn
    },
  }
}

/** The job is not there: somebody else took it away. */
class Gone extends Error {}

/** Dates as `{date: ms}`, so that the reader knows them. */
export function plain(value: unknown): unknown {
  if (value instanceof Date) return { date: value.getTime() }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    const { _bsontype: kind } = value as { _bsontype?: string }
    if (kind !== undefined) return String(value)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
  }
  return typeof value === 'bigint' ? String(value) : value
}
