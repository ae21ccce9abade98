/** Claimed: what the claim stage hands on, and what it is given to work with. Types only. */
import type { Change } from '../change/change.ts'
import type { News } from '../event.ts'
import type { Job } from '../job/job.ts'
import type { Outcome } from '../job/outcome.ts'
import type { Entry } from '../wheel/entry.ts'
import type { ClaimContext } from './claim.ts'

/** A won run, as the claim hands it on. */
export interface Claim {
  readonly run_id: string
  readonly job: Job
  readonly runTime: Date
  /** The start: run time and jitter, in epoch ms. */
  readonly at: number
  readonly scheduled: boolean
  /** Up to an hour late is no misfire. */
  readonly ordered: boolean
  /** Where a place is kept for it. */
  readonly executor: string
  readonly coalesced: number
  readonly claimed: Date
  readonly attempt: number
  /** How many starts of it have died; absent: none. */
  readonly reruns?: number
  readonly fence: bigint
}

export type Claimed =
  | { readonly type: 'claim'; readonly claim: Claim }
  | { readonly type: 'outcome'; readonly outcome: Outcome }
  | { readonly type: 'news'; readonly news: News }

export interface ClaimsContext extends ClaimContext {
  /** Applies what a read or a claim showed. */
  readonly apply: (change: Change) => void
  /** Has the document read again: something came in between. */
  readonly reread: (id: string) => void
  /** The entry waits for its next time again, not before `notBefore`. */
  readonly settle: (entry: Entry, notBefore?: number) => void
  readonly wait: (ms: number) => Promise<void>
  /** The place that was kept for the entry's run is free again. */
  readonly release: (entry: Entry) => void
  /** How far ahead of its time a run is claimed, in ms. */
  readonly lead: () => number
  /** Whether claims may be made: the lease is held. */
  readonly mayClaim: () => boolean
  /** Runs of the job on this node that are claimed and whose end is not stored, and when the latest was, by `monotonic`. */
  readonly open: (id: string) => { readonly runs: number; readonly since: number }
  /** Resolves when this node's finishes of the job are stored; undefined: there are none. */
  readonly finishing: (id: string) => Promise<void> | undefined
  /** Up to when the history says that these jobs' schedules were claimed, from the run times on that they are armed for. */
  readonly claimedBefore: (entries: readonly Entry[]) => Promise<ReadonlyMap<string, Date>>
  /** Up to when run times are claimed is known, though the document has changed since. */
  readonly claimed: (entry: Entry, to: Date | undefined) => void
  readonly proven: (entry: Entry, to: Date | undefined) => void
  /** Takes entries of dead runs out of the document; answers whether there were any. */
  readonly sweep: (job: Job) => Promise<boolean>
  /** Aborts the oldest run of the job, wherever it is. */
  readonly cancelOldest: (job: Job) => void
  /** The plan of a copied document has to be written before it can be claimed. */
  readonly planned: () => Promise<void>
}
