/** Roster: the jobs this node owns, as far as memory needs to know them, and the wheel they wait in.
 *  In: changes, and the time. Out: what follows from a change (news, plans to write back, documents to read again) and,
 *  when asked, the entries whose time has come and for which there is a place to run.
 *  Holds: `apply` is the only door into memory; the same change twice is harmless; an entry whose claim is under way is in
 *  no wheel. It may be stale at any moment: only the claim decides. No I/O, no clock. */
import type { Change, Shown, Source } from '../change/change.ts'
import { type Problem, TidewheelError } from '../errors.ts'
import type { News } from '../event.ts'
import { JOB_DEFAULTS, type Job } from '../job/job.ts'
import { describe, parseJob, show } from '../job/parse.ts'
import { isOver, ownState, type Plan, plan } from '../job/plan.ts'
import { type Sound, soundOf } from '../job/sound.ts'
import { DueTimes, type DueTimesOptions } from './due-times.ts'
import { Entries } from './entries.ts'
import { type Effect, type Entry, jitterOf, NO_ECHOES, NO_PROBLEMS, newEntry, type PlanWrite } from './entry.ts'
import { Ids } from './ids.ts'
import { jobNews, newsOf, turned } from './job-news.ts'
import { documentOf, errorOf, isKept, isTime, keepState, keptOf, maxOf, planWriteOf, storedOf } from './kept.ts'
import { exactly, type KnownTrigger, KnownTriggers } from './known-triggers.ts'

export interface RosterOptions {
  readonly ip: string
  readonly timezone: string
  /** What else must be true of a schedulable job: its function and executor are known here. */
  readonly check: (job: Job) => readonly Problem[]
  /** How much before its start a run is handed out. */
  readonly lead: DueTimesOptions['lead']
  readonly now: number
}

/** A run that a person ordered for so soon needs no plan written first. */
const AT_ONCE_MS = 20

/** A document that refuses its plan so often is not read for that again. */
const PLAN_TRIES = 3

/** A first write goes out with one of the latest: what was sent longer ago has come back, or never will. */
const MOST_ECHOES = 4

/** A repair that was asked for so often and did not come cannot be made: somebody has to edit the document. */
const MOST_REPAIRS = 3

export class Roster {
  readonly #options: RosterOptions
  readonly #entries: Entries
  readonly #due: DueTimes
  readonly #triggers: KnownTriggers
  /** Counts readings of everything: snapshots, and the slow ones after them. */
  #reading = 0
  #armed = 0
  #changes = 0

  constructor(options: RosterOptions) {
    this.#options = options
    const ids = new Ids()
    this.#entries = new Entries(ids)
    this.#due = new DueTimes({ entries: this.#entries, ids, lead: options.lead, now: options.now })
    this.#triggers = new KnownTriggers(options.timezone)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Entries that wait for a run time. */
  get armed(): number {
    return this.#armed
  }

  /** How many changes it has seen that were not answers to claims: a mark for `since`. */
  get changes(): number {
    return this.#changes
  }

  /** What happened since that mark to a job that was held then: nothing, a change, it left, or it left and came back. */
  since(id: string, mark: number): 'same' | 'changed' | 'left' | 'back' {
    const marks = this.#entries.marksOf(id)
    if (marks === undefined) return 'left'
    if (marks.bornAt > mark) return 'back'
    return marks.changedAt > mark ? 'changed' : 'same'
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id)
  }

  /** The trigger by which the job is over, as memory or else the document says; undefined: it is not over. */
  overBy(job: Pick<Job, '_id' | 'trigger' | 'state'>): Job['trigger'] | undefined {
    const entry = this.#entries.get(job._id)
    if (entry?.state === 'over') return entry.trigger?.stored
    return isOver(job, this.#options.timezone) ? job.trigger : undefined
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  /** Ids of jobs that name this function. */
  idsOf(func: string): readonly string[] {
    return this.#entries.idsOf(func)
  }

  /** The earliest instant at which `takeDue` may have something new. */
  nextAt(): number | null {
    return this.#due.nextAt()
  }

  /** A change that cannot be taken in makes its own job one that is not schedulable, and touches no other. */
  apply(change: Change, now: number): readonly Effect[] {
    try {
      return this.#applied(change, now)
    } catch (error) {
      return this.#unreadable(change, error)
    }
  }

  #applied(change: Change, now: number): readonly Effect[] {
    switch (change.type) {
      case 'put':
        return this.#put(change.job, change.from, now)
      case 'set':
        return this.#set(change, now)
      case 'gone':
        return this.#gone(change.id, change.reason, change.to ?? null)
      case 'cancel':
        return [change]
      case 'resync':
        this.#reading++
        return []
      case 'synced':
        return this.unseen().flatMap(id => this.#gone(id, 'deleted', null))
    }
  }

  /** Entries whose time has come, at most as many for each executor as it has places; they keep their `place` until `settle`. */
  takeDue(now: number, places: (executor: string) => number): readonly Entry[] {
    const taken = this.#due.take(now, places)
    for (const entry of taken) {
      entry.place = entry.executor
      this.#entries.keep(entry)
    }
    return taken
  }

  /** Ends what `takeDue` began: the entry waits for its next time again, not before `notBefore`. */
  settle(entry: Entry, notBefore = 0): void {
    const isWoken = entry.woken && entry.waiting !== undefined
    entry.place = undefined
    // What ends before the entry could be handed out anyway need not be kept.
    entry.notBefore = !isWoken && this.#due.isLonger(entry, notBefore) ? notBefore : 0
    entry.woken = false
    if (this.#entries.holds(entry)) this.#due.arm(entry)
    this.#keep(entry)
  }

  /** A claim of the entry was refused although memory thought otherwise; answers how many were in a row. */
  refused(entry: Entry): number {
    entry.refused++
    this.#keep(entry)
    return entry.refused
  }

  /** A claim of the entry was won. */
  won(entry: Entry): void {
    entry.refused = 0
    this.#keep(entry)
  }

  /** The plan of an entry as it is to be written; undefined: the document says it already. */
  planOf(id: string): PlanWrite | undefined {
    const entry = this.#entries.get(id)
    return entry && planWriteOf(entry)
  }

  /** A plan was written: it stands when nothing came in between. */
  wrote({ id, version, due, ordered }: PlanWrite): void {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.version !== version) return
    entry.unwritten = false
    entry.refusedPlans = 0
    entry.dropped = undefined
    entry.copied = false
    entry.bare = false
    if (due !== undefined) {
      entry.stored = due
      entry.planned = due
      entry.acknowledged = ordered === true
      entry.pausedBy = undefined
    }
    this.#keep(entry)
  }

  /** A plan may not have been written; answers whether its document is to be read: one that refuses its plan again and again is
   *  left until somebody edits it or its time comes. */
  overtaken(id: string): boolean {
    const entry = this.#entries.get(id)
    if (entry === undefined) return false
    entry.refusedPlans = (entry.refusedPlans + 1) % PLAN_TRIES
    this.#keep(entry)
    return entry.refusedPlans > 0
  }

  /** This process writes to the job with this `touch`. */
  writes(id: string, touch: string): void {
    const entry = this.#entries.get(id)
    if (entry?.bare !== true) return
    entry.echoes = [...entry.echoes, touch].slice(-MOST_ECHOES)
    this.#keep(entry)
  }

  /** Whether an update is a write of this process that comes back, for the first time: one that comes twice is a copy. */
  isEcho(id: string, touch: string | undefined): boolean {
    const entry = this.#entries.get(id)
    if (entry === undefined || touch === undefined || !entry.echoes.includes(touch)) return false
    // One write is a document's first; those that came after it are not handed back.
    entry.echoes = NO_ECHOES
    this.#keep(entry)
    return true
  }

  /** A claim of the job was won, though an event came before its answer: what is claimed is not claimed again,
   *  and the entry waits for its document, which is about to be read. */
  claimed(entry: Entry, to: Date | undefined): void {
    if (to === undefined || to === null || !isTime(to)) return
    entry.claimedTo = maxOf(entry.claimedTo, to.getTime())
    if (!entry.ordered && entry.due !== undefined && entry.due <= to.getTime()) this.#disarm(entry)
    this.#keep(entry)
  }

  /** The history says up to when the schedule of an overdue entry was claimed before, if it was: then, too, it waits for its document. */
  proven(entry: Entry, to: Date | undefined): void {
    entry.unproven = false
    if (to !== undefined) {
      entry.claimedTo = maxOf(entry.claimedTo, to.getTime())
      this.#disarm(entry)
    }
    this.#keep(entry)
  }

  /** A slow reading of all documents begins, which changes nothing by itself. Never between `resync` and `synced`. */
  beginReading(): void {
    this.#reading++
  }

  /** Whether memory has the job as this document says; what it was asked about is seen. */
  agrees(job: Shown): boolean {
    const entry = this.#entries.get(job._id)
    if (entry === undefined) return false
    entry.seen = this.#reading
    this.#keep(entry)
    try {
      return isKept(entry, job)
    } catch {
      return false
    }
  }

  versionOf(id: string): number | undefined {
    return this.#entries.get(id)?.version
  }

  /** What was neither changed nor asked about since the reading began. */
  unseen(): readonly string[] {
    return this.#entries.unseen(this.#reading)
  }

  /** A run of the job has ended: what waits for room, or was put off for want of it, may have some now. */
  wake(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.woken = entry.place !== undefined
    if (!entry.woken && (entry.waiting !== undefined || entry.notBefore > 0)) {
      entry.notBefore = 0
      this.#due.arm(entry)
    }
    this.#keep(entry)
  }

  #put(job: Job, from: Source, now: number): readonly Effect[] {
    if (job.ip !== this.#options.ip) return this.#gone(job._id, 'moved', job.ip ?? null)
    if (typeof job._id !== 'string') return [news({ type: 'job.invalid', job_id: nameOfId(job._id), problems: NO_ID })]
    const before = this.#entries.get(job._id)
    if (from !== 'claim') this.#changes++
    const entry = before ?? newEntry(job._id, this.#changes)
    const was = before && { state: before.state, problems: before.problems }
    try {
      return this.#takeIn(entry, job, was, from, now)
    } finally {
      this.#entries.keep(entry)
    }
  }

  #takeIn(
    entry: Entry,
    job: Job,
    was: Pick<Entry, 'state' | 'problems'> | undefined,
    from: Source,
    now: number,
  ): readonly Effect[] {
    const sound = soundOf(job)
    if (from !== 'claim') entry.changedAt = this.#changes
    entry.version++
    entry.notBefore = 0
    entry.seen = this.#reading
    // The stream begins anew after a snapshot: what was written before it is not handed back any more.
    if (from === 'snapshot' && job.state !== undefined) entry.echoes = NO_ECHOES
    const next = this.#read(entry, job, sound, from, now)
    this.#take(entry, next)
    const overdue = next.state === 'armed' && next.due <= now
    // A time that nobody has acknowledged yet is an order.
    entry.unproven =
      from !== 'claim' && ((overdue && !(next.ordered && next.unwritten)) || asksAgain(entry, now, sound.job))
    entry.knownFence = entry.unproven ? ownState(sound.job)?.fence?.toBigInt?.().toString() : undefined
    entry.isRepeat = entry.unproven && isRepeat(entry, sound.job)
    const what = newsOf(entry, sound.job, was, from)
    entry.edited = false
    return [
      ...(this.#repair(entry, job, sound) ??
        this.#consequences(entry, sound.job, next, { noted: ownState(sound.job)?.error, now })),
      ...(what === undefined ? [] : [news(what)]),
      { type: 'seen', job: sound.job, from },
    ]
  }

  /** What is malformed is put right before anything else is written; undefined: nothing is, or it could not be. */
  #repair(entry: Entry, job: Job, { malformed }: Sound): readonly Effect[] | undefined {
    if (malformed.length === 0) entry.repairs = 0
    if (malformed.length === 0 || entry.repairs === MOST_REPAIRS) return undefined
    entry.repairs++
    return [{ type: 'repair', job, malformed }]
  }

  /** The last net: whatever a document made throw, it is told of that job. */
  #unreadable(change: Change, error: unknown): readonly Effect[] {
    const id = change.type === 'put' ? change.job._id : 'id' in change ? change.id : undefined
    if (id === undefined) return []
    const problems = [{ path: '', message: `the document cannot be read (${messageOf(error)})` }]
    let entry = this.#entries.get(id)
    if (entry === undefined && change.type === 'put' && change.job.ip === this.#options.ip) {
      entry = newEntry(id, ++this.#changes)
    }
    if (entry !== undefined) {
      entry.version++
      entry.changedAt = ++this.#changes
      entry.seen = this.#reading
      this.#take(entry, { state: 'invalid', problems })
      this.#entries.keep(entry)
    }
    return [news({ type: 'job.invalid', job_id: id, problems })]
  }

  /** Takes over what memory keeps of the document, and plans. */
  #read(entry: Entry, document: Job, { job, malformed }: Sound, from: Source, now: number): Plan {
    keepState(entry, job)
    entry.stored = storedOf(job.next_run_time)
    const known = this.#know(entry, document, malformed.length > 0 ? 'read' : from)
    entry.func = job.func
    if (known.problems !== undefined) return { state: 'invalid', problems: known.problems }
    Object.assign(entry, keptOf(job))
    const { parsed, fingerprint } = known.trigger
    return plan({ job, trigger: parsed, fingerprint, now, claimedTo: entry.claimedTo })
  }

  #know(
    entry: Entry,
    job: Job,
    from: Source,
  ): { trigger: KnownTrigger; problems?: undefined } | { problems: readonly Problem[] } {
    // A claim shows the document that was checked before, unless an edit came first.
    if (from === 'claim' && entry.trigger !== undefined && this.#isChecked(entry, job))
      return { trigger: entry.trigger }
    let trigger: KnownTrigger
    try {
      trigger = this.#triggers.take(job.trigger)
    } catch (error) {
      if (!(error instanceof TidewheelError)) throw error
      if (entry.trigger !== undefined) this.#triggers.release(entry.trigger)
      entry.trigger = undefined
      const parsed = parseJob(job, { timezone: this.#options.timezone })
      return { problems: 'problems' in parsed ? parsed.problems : [{ path: 'trigger', message: error.message }] }
    }
    if (entry.trigger !== undefined) this.#triggers.release(entry.trigger)
    entry.trigger = trigger
    const parsed = parseJob(job, { timezone: this.#options.timezone, trigger: trigger.parsed })
    const problems = 'problems' in parsed ? parsed.problems : this.#options.check(job)
    return problems.length > 0 ? { problems } : { trigger }
  }

  #isChecked(entry: Entry, job: Job): boolean {
    const same = job.func === entry.func && (job.executor ?? JOB_DEFAULTS.executor) === entry.executor
    return same && entry.state !== 'invalid' && exactly(job.trigger) === entry.trigger?.key
  }

  /** Makes memory and wheel agree with the plan. */
  #take(entry: Entry, next: Plan): void {
    if (entry.state === 'armed' && next.state !== 'armed') this.#armed--
    if (entry.state !== 'armed' && next.state === 'armed') this.#armed++
    entry.state = next.state
    entry.problems = next.state === 'invalid' ? next.problems : NO_PROBLEMS
    entry.due = next.state === 'armed' ? next.due : undefined
    entry.ordered = next.state === 'armed' && next.ordered
    entry.at = entry.due === undefined ? undefined : entry.due + jitterOf(entry, entry.due)
    if (entry.place === undefined) this.#due.arm(entry)
  }

  /** Armed for nothing until its document is read. */
  #disarm(entry: Entry): void {
    entry.due = undefined
    entry.at = undefined
    if (entry.place === undefined && this.#entries.holds(entry)) this.#due.arm(entry)
  }

  /** The entry as it is now, unless its job has gone meanwhile. */
  #keep(entry: Entry): void {
    if (this.#entries.holds(entry)) this.#entries.keep(entry)
  }

  /** What follows for the document. `noted`: the error that stands in it. */
  #consequences(
    entry: Entry,
    job: Job,
    next: Plan,
    { noted, now }: { readonly noted?: string | undefined; readonly now: number },
  ): readonly Effect[] {
    entry.unwritten = entry.copied || (next.state === 'armed' && next.unwritten) || noted !== errorOf(entry)
    // Its document says what memory planned: an earlier plan that seemed not to be written was, or needed not be.
    if (!entry.unwritten) entry.refusedPlans = 0
    const due = next.state === 'armed' ? next.dropped : undefined
    entry.dropped = due === undefined ? undefined : { job, due }
    const effects: Effect[] = entry.unwritten && !isAtOnce(entry, now) ? [{ type: 'write', id: entry.id }] : []
    const { running = [], unrecorded = [] } = job.state ?? {}
    const waits = running.length + unrecorded.length + entry.extra.length > 0 || entry.waiting !== undefined
    if (next.state === 'over' && !waits) effects.push({ type: 'over', job })
    return effects
  }

  #set(change: Extract<Change, { type: 'set' }>, now: number): readonly Effect[] {
    const entry = this.#entries.get(change.id)
    if (entry === undefined) return []
    entry.version++
    entry.changedAt = ++this.#changes
    entry.notBefore = 0
    entry.refusedPlans = 0
    const effects = this.#told(entry, change, now)
    this.#entries.keep(entry)
    return effects
  }

  /** What an event alone tells of a job, as far as it does. */
  #told(
    entry: Entry,
    { armed, next_run_time, read }: Extract<Change, { type: 'set' }>,
    now: number,
  ): readonly Effect[] {
    // What was wrong may be right now, and what memory does not have is in the document.
    const { trigger } = entry
    const isUnknown = entry.state === 'invalid' || trigger === undefined || entry.copied
    if (read || isUnknown || (armed && !isTime(next_run_time))) {
      entry.edited = true
      return read ? [] : [{ type: 'read', id: entry.id }]
    }
    if (!armed) return [news(jobNews('job.modified', entry))]
    const before = entry.state
    const told = documentOf(entry, next_run_time)
    entry.stored = storedOf(next_run_time)
    const { parsed, fingerprint } = trigger
    const next = plan({ job: told, trigger: parsed, fingerprint, now, claimedTo: entry.claimedTo })
    this.#take(entry, next)
    const effects = this.#consequences(entry, told, next, { now })
    return [...effects, news(turned(before, entry) ?? jobNews('job.modified', entry))]
  }

  #gone(id: string, reason: 'deleted' | 'moved', to: string | null): readonly Effect[] {
    const entry = this.#entries.get(id)
    if (entry === undefined) return []
    this.#changes++
    this.#due.drop(entry)
    this.#entries.delete(id)
    if (entry.trigger !== undefined) this.#triggers.release(entry.trigger)
    if (entry.state === 'armed') this.#armed--
    entry.version++
    const what: News =
      reason === 'deleted'
        ? { type: 'job.removed', job_id: id }
        : { type: 'job.moved', job_id: id, from: this.#options.ip, to }
    return [news(what)]
  }
}

const news = (what: News): Effect => ({ type: 'news', news: what })

/** Whether it asks for a run beside the schedule, which waits for a place or is due, and has been claimed before. */
const asksAgain = ({ extra, waiting }: Entry, now: number, job: Job): boolean =>
  ownState(job)?.fence !== undefined && (waiting !== undefined || extra.some(time => time <= now))

/** Whether it is armed for a time that its document knows to be claimed: no schedule plans that, a person may order it once more. */
function isRepeat({ ordered, due }: Entry, job: Job): boolean {
  const claimedTo = ownState(job)?.claimed_to
  return ordered && due !== undefined && claimedTo !== undefined && claimedTo.getTime() >= due
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : show(error))

const NO_ID: readonly Problem[] = [{ path: '_id', message: describe('_id') }]

/** Of an id that is no text. */
function nameOfId(id: unknown): string {
  try {
    return String(id)
  } catch {
    return show(id)
  }
}

/** Whether a person ordered it for so soon that its claim says all that its plan would. */
const isAtOnce = ({ at, copied, ordered }: Entry, now: number) =>
  ordered && !copied && at !== undefined && at <= now + AT_ONCE_MS
