/** What a node keeps of its jobs, fed by a real follower: memory without the stages that would act on it.
 *  `told` is everything that the follower said, in order; `agrees` waits until memory equals a `find`. */
import type { Collection, Db } from 'mongodb'
import { expect } from 'vitest'
import type { Change } from '../../src/change/change.ts'
import { type FollowNews, follow } from '../../src/change/follow.ts'
import { Roster } from '../../src/wheel/roster.ts'
import { NO_LEAD } from './jobs.ts'
import { type Loose, until } from './node.ts'

export interface FollowedOptions {
  /** Of the follower's own client. */
  readonly db: Db
  /** The same jobs, of a person's client. */
  readonly jobs: Collection<Loose>
  readonly ip: string
  readonly prepare?: () => Promise<void>
  readonly reviewMs?: number
}

export class Followed {
  readonly roster: Roster
  readonly told: (Change | FollowNews)[] = []
  readonly #jobs: Collection<Loose>
  readonly #ip: string
  readonly #close: () => Promise<void>
  ended = false

  constructor({ db, jobs, ip, prepare = async () => {}, reviewMs }: FollowedOptions) {
    this.#jobs = jobs
    this.#ip = ip
    this.roster = new Roster({ ip, timezone: 'UTC', check: () => [], lead: NO_LEAD, now: Date.now() })
    const follower = follow({
      db,
      collection: jobs.collectionName,
      ip,
      prepare,
      memory: this.roster,
      serverNow: () => Date.now(),
      ...(reviewMs !== undefined && { reviewMs }),
    })
    const end = () => {
      this.ended = true
    }
    const subscription = follower.changes$.subscribe({
      next: change => {
        this.told.push(change)
        if (change.type.startsWith('stream.')) return
        for (const effect of this.roster.apply(change as Change, Date.now()))
          if (effect.type === 'read') follower.read(effect.id)
      },
      error: end,
      complete: end,
    })
    this.#close = async () => {
      subscription.unsubscribe()
      await follower.closed()
    }
  }

  of<T extends (Change | FollowNews)['type']>(type: T) {
    return this.told.filter(change => change.type === type) as Extract<Change | FollowNews, { type: T }>[]
  }

  async opened(): Promise<this> {
    await until(() => expect(this.of('stream.opened')).toHaveLength(1))
    return this
  }

  close = () => this.#close()

  agrees(timeout = 15_000): Promise<void> {
    return until(async () => expect(this.view()).toEqual(await this.#found()), timeout)
  }

  /** By id, what is held. */
  view(): Record<string, unknown> {
    const entries = [...this.roster.entries()].map(entry => [
      entry.id,
      {
        next_run_time: entry.stored,
        func: entry.func,
        trigger: entry.trigger?.stored,
        max_instances: entry.maxInstances,
        run_at: [...entry.extra],
      },
    ])
    return Object.fromEntries(entries)
  }

  /** The same of the collection. */
  async #found(): Promise<Record<string, unknown>> {
    const documents = await this.#jobs.find({ ip: this.#ip }).toArray()
    const ms = (date: Date | null | undefined) => (date instanceof Date ? date.getTime() : date)
    return Object.fromEntries(
      documents.map(({ _id, next_run_time, func, trigger, max_instances, run_at = [] }) => [
        _id,
        {
          next_run_time: ms(next_run_time),
          func,
          trigger,
          max_instances,
          run_at: run_at.map(ms).sort((a: number, b: number) => a - b),
        },
      ]),
    )
  }
}
