/** Change: what the follower tells the node about one job document.
 *  A change states a fact about the document as the database had it; it says nothing about what to do.
 *  The same change twice is harmless, and a later one always wins. */
import type { Job } from '../job/job.ts'

/** How a whole document came to be known; `given`: it was read because a person gave the job to this node. */
export type Source = 'snapshot' | 'insert' | 'replace' | 'read' | 'given' | 'claim'

/** What memory keeps of a document, or would act on. */
export const SHOWN = [
  'next_run_time',
  'func',
  'trigger',
  'executor',
  'max_instances',
  'misfire_grace_time',
  'coalesce',
  'run_at',
  'cancel',
] as const

export type Shown = Pick<Job, '_id' | (typeof SHOWN)[number]>

/** How a node's stream stands to the server. */
export interface StreamState {
  /** The server answers it. */
  readonly open: boolean
  /** Milliseconds by which it is behind: how old the last change was when it came, by the server's clock; or since when the server is
   *  silent, beyond the time that it waits with nothing to tell. */
  readonly behind: number
}

export type Change =
  /** The document as it lies in the database, mine or without an ip. */
  | { readonly type: 'put'; readonly job: Job; readonly from: Source }
  /** Somebody updated a job that is held here. `armed`: its next run time changed to this (undefined: unset);
   *  `read`: more changed than the event tells, and the document follows as a `put`. */
  | {
      readonly type: 'set'
      readonly id: string
      readonly armed: boolean
      readonly next_run_time: Date | null | undefined
      readonly read: boolean
    }
  /** Somebody asks to abort one run, or with `*` all runs, of a job. `at`: the server's time of that, which a claim's fence is, too. */
  | { readonly type: 'cancel'; readonly id: string; readonly run: string; readonly at?: bigint }
  /** Deleted, or another node's now (`to`), or nobody's. */
  | { readonly type: 'gone'; readonly id: string; readonly reason: 'deleted' | 'moved'; readonly to?: string | null }
  /** All documents follow as `put` with source `snapshot`; what was held and does not follow is gone at `synced`. */
  | { readonly type: 'resync'; readonly reason: string }
  | { readonly type: 'synced'; readonly jobs: number }
