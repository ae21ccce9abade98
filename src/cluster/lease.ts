/** Lease: at most one process acts for an ip at a time.
 *  In: the `nodes` collection, an ip, a length. Out: whether this process holds the lease, and what it learned at each heartbeat.
 *  The server's clock decides: a lease is taken when `seen + lease` lies before the server's now, and renewed every third.
 *  The holder counts from the moment it sent the last acknowledged renewal, by wall and monotonic clock, whichever ends first.
 *  Always holds: the incarnation changes with every new holder, so that a process which slept through its end notices.
 *  A heartbeat measures by how much this machine's clock is ahead of the server's, too. */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { type Collection, MongoServerError, ObjectId } from 'mongodb'
import { type Clock, monotonicNow } from '../clock.ts'

/** One node of the registry, as it lies in the database. */
export interface NodeInfo {
  /** The ip. */
  readonly _id: string
  /** This holding of the ip by one process; another with each new holder. */
  readonly incarnation?: string
  /** The machine's name, then what tells the process from any other of its pid: boot, pid namespace, when it began. */
  readonly host?: string
  /** Of its process. */
  readonly pid?: number
  /** Of Tidewheel. */
  readonly version?: string
  /** By the machine's clock. */
  readonly started?: Date
  /** By the server's clock. */
  readonly seen: Date
  /** Milliseconds. */
  readonly lease: number
  /** The node's own word. */
  readonly status?: 'active' | 'paused' | 'draining' | 'stopped'
  /** People's wish, read at each heartbeat. */
  readonly wanted?: 'active' | 'paused' | 'draining'
  /** How many jobs it has. */
  readonly jobs?: number
  /** How many runs go on there. */
  readonly running?: number
  /** The zone of triggers that name none. */
  readonly timezone?: string
  /** Milliseconds by which the node's clock is ahead of the server's. */
  readonly offset?: number
  /** Its stream of changes: whether the server answers it, and by how many milliseconds it was behind the server. */
  readonly stream?: { readonly open: boolean; readonly behind: number }
  /** Functions that it can perform, by name: registered ones and those of its tasks folder. Null: too many to tell. */
  readonly tasks?: readonly string[] | null
  /** Of which kind its executors are, by name: only those that can perform something. Which files a `script` one has in its workspace
   *  is not told. */
  readonly executors?: Readonly<Record<string, string>>
  readonly touch?: string
}

export interface LeaseOptions {
  readonly nodes: Collection<NodeInfo>
  readonly ip: string
  readonly leaseMs: number
  readonly clock: Clock
  readonly version: string
  readonly timezone: string
  /** What the node can perform now. */
  readonly abilities: () => Abilities
}

export type Abilities = Required<Pick<NodeInfo, 'tasks' | 'executors'>>

/** What a node says of itself at each heartbeat. */
export type Report = Required<Pick<NodeInfo, 'status' | 'jobs' | 'running' | 'stream'>>

export type Renewal =
  | { readonly type: 'renewed'; readonly wanted: NodeInfo['wanted'] }
  /** Another process took the ip: this incarnation is over. */
  | { readonly type: 'replaced' }
  /** Somebody deleted the row of this ip: nobody holds it, and others take this incarnation for over. */
  | { readonly type: 'deleted' }

/** Of a node that follows nothing. */
export const NO_STREAM = { open: false, behind: 0 } as const

const MAJORITY = { writeConcern: { w: 'majority' as const } }
/** No lease is longer, and no primary's clock is further behind another's. */
const LONGEST_MS = 366 * 24 * 3_600_000
const LONG_AGO = new Date(0)
/** Not spoilt by hand: another type sorts outside of these bounds, and the server refuses to add what is too large. */
const SOUND = {
  $and: [
    { $gte: ['$seen', LONG_AGO] },
    { $lte: ['$seen', { $add: ['$$NOW', LONGEST_MS] }] },
    { $gte: ['$lease', 0] },
    { $lte: ['$lease', LONGEST_MS] },
  ],
}
/** When the lease ends, as an expression of the server's; what is not sound ended long ago. */
export const LEASE_END = { $cond: [SOUND, { $add: ['$seen', '$lease'] }, LONG_AGO] }
export const ENDED = { $lt: [LEASE_END, '$$NOW'] }
const DUPLICATE_KEY = 11000
/** An answer that took longer, or while which this clock was set, says too little about the server's. */
const SLOW_MS = 1_000

export class Lease {
  readonly #options: LeaseOptions
  #incarnation = ''
  /** When the last acknowledged renewal was sent, by both clocks. */
  #sent: { readonly wall: number; readonly monotonic: number } | undefined
  #offset: number | undefined
  #wanted: NodeInfo['wanted']

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  get incarnation(): string {
    return this.#incarnation
  }

  /** Milliseconds by which this machine's clock is ahead of the server's, as last measured. */
  get offset(): number {
    return this.#offset ?? 0
  }

  /** What people want of this node, as last heard. */
  get wanted(): NodeInfo['wanted'] {
    return this.#wanted
  }

  /** Whether claims may be made: the lease is held for sure. */
  held(): boolean {
    return this.age < this.#options.leaseMs
  }

  /** Milliseconds since the last acknowledged heartbeat was sent, by the clock that says more; infinite: it is not held. */
  get age(): number {
    if (this.#sent === undefined) return Number.POSITIVE_INFINITY
    const { clock } = this.#options
    return Math.max(clock.now() - this.#sent.wall, monotonicNow(clock) - this.#sent.monotonic)
  }

  /** Tries once to become the holder. Answers undefined, or why another process has to end first. */
  async take(): Promise<string | undefined> {
    const { nodes, ip } = this.#options
    await this.#register()
    if (await this.#become({ _id: ip, $expr: ENDED })) return undefined
    const holder = await nodes.findOne({ _id: ip }, { readConcern: { level: 'majority' } })
    if (holder?.incarnation === undefined) return `ip ${ip} is being taken by another process`
    const gone = holder.status === 'stopped' || isGone(holder)
    if (gone && (await this.#become({ _id: ip, incarnation: holder.incarnation, status: holder.status })))
      return undefined
    return `ip ${ip} is held by process ${holder.pid ?? '?'} on ${nameOf(holder)}`
  }

  /** Says that this process lives, and hears what people want. Rejects when the database does not answer. */
  async renew(report: Report): Promise<Renewal> {
    const { nodes, ip } = this.#options
    const incarnation = this.#incarnation
    const sent = this.#instant()
    const document = await nodes.findOneAndUpdate(
      { _id: ip, incarnation },
      {
        $set: { ...report, ...this.#options.abilities(), offset: Math.round(this.offset) },
        $currentDate: { seen: true },
      },
      { returnDocument: 'after', ...MAJORITY },
    )
    // Nobody may have waited for this answer: the ip may have been lost and won since.
    if (incarnation !== this.#incarnation) return { type: 'renewed', wanted: this.#wanted }
    if (document === null) {
      this.#sent = undefined
      return { type: (await nodes.countDocuments({ _id: ip }, { limit: 1 })) > 0 ? 'replaced' : 'deleted' }
    }
    this.#hear(document, sent)
    return { type: 'renewed', wanted: document.wanted }
  }

  /** Gives the lease back: a process that waits for this ip may go on at once, others after the lease. */
  async stop(): Promise<void> {
    this.#sent = undefined
    const { nodes, ip } = this.#options
    await nodes.updateOne(
      { _id: ip, incarnation: this.#incarnation },
      { $set: { status: 'stopped', running: 0, stream: NO_STREAM }, $currentDate: { seen: true } },
      MAJORITY,
    )
  }

  async #register(): Promise<void> {
    const { nodes, ip } = this.#options
    try {
      await nodes.updateOne(
        { _id: ip },
        { $setOnInsert: { seen: new Date(0), lease: 0 } },
        { upsert: true, ...MAJORITY },
      )
    } catch (error) {
      if (!(error instanceof MongoServerError) || error.code !== DUPLICATE_KEY) throw error
    }
  }

  async #become(filter: Record<string, unknown>): Promise<boolean> {
    const { nodes, leaseMs, clock, version, timezone, abilities } = this.#options
    const incarnation = new ObjectId().toHexString()
    const sent = this.#instant()
    const document = await nodes.findOneAndUpdate(
      filter,
      {
        $set: {
          incarnation,
          lease: leaseMs,
          host: HOST,
          pid: process.pid,
          version,
          timezone,
          started: new Date(clock.now()),
          status: 'active',
          jobs: 0,
          running: 0,
          stream: NO_STREAM,
          ...abilities(),
        },
        $currentDate: { seen: true },
      },
      { returnDocument: 'after', ...MAJORITY },
    )
    if (document === null) return false
    this.#incarnation = incarnation
    this.#hear(document, sent)
    return true
  }

  /** The server wrote `seen` about half-way between question and answer. */
  #hear(document: NodeInfo, sent: { readonly wall: number; readonly monotonic: number }): void {
    const now = this.#instant()
    if (this.#sent === undefined || this.#sent.monotonic <= sent.monotonic) this.#sent = sent
    this.#wanted = document.wanted
    const took = now.monotonic - sent.monotonic
    const stepped = Math.abs(now.wall - sent.wall - took)
    if (this.#offset !== undefined && Math.max(took, stepped) > SLOW_MS) return
    this.#offset = (sent.wall + now.wall) / 2 - document.seen.getTime()
  }

  #instant() {
    return { wall: this.#options.clock.now(), monotonic: monotonicNow(this.#options.clock) }
  }
}

/** The 22nd field of /proc/<pid>/stat, counted from behind the name, which is the second. */
const BEGIN = 22 - 3

/** Where the pids are that this process sees, on Linux: one boot of a machine, one pid namespace. Undefined: it cannot be told. */
function placeOfPids(): string | undefined {
  try {
    // A /proc of another namespace tells of other processes.
    if (!readFileSync('/proc/self/stat', 'utf8').startsWith(`${process.pid} `)) return undefined
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}

/** When a process began, in ticks since the boot; undefined: it cannot be told. */
function beginOf(pid: number): string | undefined {
  try {
    // The name of the program, in parentheses, may hold anything.
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[BEGIN]
  } catch {
    return undefined
  }
}

const PLACE = placeOfPids()
const HOST = [hostname(), ...(PLACE === undefined ? [] : [PLACE, beginOf(process.pid)])].join(' ')

const nameOf = ({ host = '?' }: NodeInfo) => String(host).split(' ', 1)[0]

/** Whether the holder's process has ended for sure: only where this one sees the pids that the holder's is one of. A name alone
 *  says nothing, containers share names and pids; a pid alone neither, it is given again. */
function isGone({ host, pid }: NodeInfo): boolean {
  const began = String(host).split(' ').at(-1)
  if (PLACE === undefined || pid === undefined || host !== [hostname(), PLACE, began].join(' ')) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return true
  }
  return (beginOf(pid) ?? began) !== began
}
