/** Taken back: a run that was claimed and has not started, while people pause, put off, reschedule, delete, insert anew or move its job.
 *  Their edits come before, between and after the claim; its node hears of each as late as can be. Claim, events and the judgement of a
 *  document are the source's. */
import { describe } from 'vitest'
import type { Claim } from '../../src/job/claim.ts'
import type { Job } from '../../src/job/job.ts'
import { revoked } from '../../src/run/revoked.ts'
import { fingerprint } from '../../src/trigger/trigger.ts'
import { fixed, type Model, type Steps } from './explore.ts'
import { aJob, anEntry, EVERY_OTHER, reach } from './jobs.ts'
import { breaks, holds } from './pair.ts'
import { claimOf, memoryOf, minute, orderAt } from './real.ts'
import { type Event, eventOf, reaches } from './stream.ts'

interface World {
  job: Job | null
  inbox: Event[]
  edits: number
  /** As the claim's answer has it: with many of them it is read after the claim, and an edit may lie between. */
  answered?: Job
  phase: 'sent' | 'arrived' | 'won' | 'reading' | 'read' | 'started' | 'taken back' | 'lost'
  /** What the node heard of the job since it claimed, and since it asked for the document. */
  heard: 'nothing' | 'changed' | 'left'
  heardMeanwhile: boolean
  left: boolean
  /** The job is this node's, as far as it has heard: of others it passes events over. */
  held: boolean
  found?: Job | null
  /** After the claim came: whether the job was deleted, and whether its document ever took the run back. */
  deleted: boolean
  revoked: boolean
  wrong?: string
}

interface Rules {
  readonly person: readonly (keyof typeof EDITS)[]
  readonly edits: number
  /** Starts without a look. */
  readonly looksNever?: boolean
  /** Takes an event's word instead of reading the document. */
  readonly believesEvents?: boolean
  /** Does not look again when an event came while the document was being read. */
  readonly looksOnce?: boolean
  /** Takes the answer's trigger for the one that was asked for. */
  readonly trustsAnswer?: boolean
  /** Passes over an edit that the answer shows and no event has told. */
  readonly overlooksAnswer?: boolean
  /** Takes a document without the run's entry for one that was inserted anew. */
  readonly forgetsDeletes?: boolean
}

const start = aJob()
const RUN = 'r1'

const EDITS = {
  pauses: (job: Job) => ({ ...job, next_run_time: null }),
  'puts off': (job: Job) => ({ ...job, next_run_time: minute(3) }),
  'sets the due time': (job: Job) => ({ ...job, next_run_time: minute(1) }),
  'sets a trigger that does not fire then': (job: Job) => ({ ...job, trigger: EVERY_OTHER }),
  'gives it to b': (job: Job) => ({ ...job, ip: 'b' }),
  deletes: () => null,
  'writes the old document back': () => start,
} as const

const claimed = (job: Job, trigger: Job['trigger'] = start.trigger): Claim => ({
  job,
  entry: { ...anEntry(RUN), run_time: minute(1) },
  at: Number(minute(1)),
  grace: null,
  executor: 'default',
  fence: 1n,
  since: 0,
  by: 'schedule',
  trigger: fingerprint(trigger, 'UTC'),
})

function command() {
  const { entry } = memoryOf('a', fixed([{ at: 1, change: { type: 'put', job: start, from: 'read' } as const }]))
  const order = entry && orderAt(entry, 1)
  if (order === undefined) throw new Error('nothing is due')
  return claimOf(order, { ip: 'a', incarnation: 'a1' }, 1, RUN, 'a.touch')
}

/** What the person's edits have made of the run, whatever the node knows. */
const isRevoked = (s: World) => revoked(claimed(start), s.job, s.deleted, 'UTC') !== undefined

const isRevokedBy = (job: Job) => revoked(claimed(start), job, false, 'UTC') !== undefined

const world = (rules: Rules): Model<World> => {
  const wrote = (s: World, before: Job | null, after: Job | null) => {
    s.job = after && fixed(after)
    const event = eventOf(before, s.job, 'fields')
    if (event !== undefined && reaches(event, 'a')) s.inbox.push(fixed(event))
    if (s.phase === 'sent') return
    s.deleted ||= after === null
    s.revoked ||= isRevoked(s)
  }
  const person: Steps<World> = Object.fromEntries(
    rules.person.map(name => [
      `a person ${name}`,
      [
        (s: World) => s.edits > 0 && s.job !== null,
        (s: World) => {
          s.edits--
          wrote(s, s.job, EDITS[name](s.job as Job))
        },
      ] as const,
    ]),
  )
  const end = (s: World, phase: 'started' | 'taken back') => {
    s.phase = phase
    if (phase === 'taken back' && !s.revoked) s.wrong = 'a run is taken back that no edit after its claim took back'
    if (phase === 'started' && s.answered !== undefined && isRevokedBy(s.answered))
      s.wrong = 'a run starts whose answer shows that it was taken back'
    if (phase === 'started' && s.held && s.inbox.length === 0 && isRevoked(s))
      s.wrong = 'a run starts after its edit was heard'
  }
  const judge = ({ answered = start, left }: World, job: Job | null) => {
    const claim = claimed(answered, rules.trustsAnswer ? answered.trigger : start.trigger)
    return revoked(claim, job, rules.forgetsDeletes ? true : left, 'UTC') !== undefined
  }
  return {
    start: {
      job: fixed(start),
      inbox: [],
      edits: rules.edits,
      phase: 'sent',
      heard: 'nothing',
      heardMeanwhile: false,
      left: false,
      held: true,
      deleted: false,
      revoked: false,
    },
    steps: {
      ...person,
      'a person inserts it anew': [
        s => s.edits > 0 && s.job === null,
        s => {
          s.edits--
          wrote(s, null, start)
        },
      ],
      'the claim arrives': [
        s => s.phase === 'sent',
        s => {
          const after = reach(s.job, command())
          s.phase = after === undefined || after === null ? 'lost' : 'arrived'
          if (after !== undefined && after !== null) s.job = after
        },
      ],
      'its answer comes': [
        s => s.phase === 'arrived',
        s => {
          s.phase = 'won'
          if (s.job !== null) s.answered = s.job
        },
      ],
      'the node hears an event': [
        s => s.inbox.length > 0,
        s => {
          const event = s.inbox.shift() as Event
          if (!s.held && event.operationType === 'update') return
          const left = event.operationType === 'delete' || event.operationType === 'insert'
          s.held =
            event.operationType === 'insert' || (!left && event.updateDescription?.updatedFields.ip === undefined)
          s.heard = left || s.heard === 'left' ? 'left' : 'changed'
          s.left ||= left
          s.heardMeanwhile = true
        },
      ],
      'the run starts, or its document is asked for': [
        s => s.phase === 'won',
        s => {
          const isShown = s.answered !== undefined && judge(s, s.answered)
          if (isShown && !rules.overlooksAnswer && !rules.looksNever) return end(s, 'taken back')
          if (s.heard === 'nothing' || rules.looksNever) return end(s, 'started')
          if (rules.believesEvents) return end(s, s.heard === 'left' || judge(s, s.job) ? 'taken back' : 'started')
          s.heardMeanwhile = false
          s.phase = 'reading'
        },
      ],
      'the document is read': [
        s => s.phase === 'reading',
        s => {
          s.found = s.job
          s.phase = 'read'
        },
      ],
      'the node looks at it': [
        s => s.phase === 'read',
        s => {
          const job = s.found as Job | null
          delete s.found
          if (judge(s, job)) return end(s, 'taken back')
          if ((job?.ip === 'a' || s.held) && s.heardMeanwhile && !rules.looksOnce) s.phase = 'won'
          else end(s, 'started')
        },
      ],
    },
    wrong: (s, quiet) => {
      if (s.wrong !== undefined || !quiet) return s.wrong
      return ['started', 'taken back', 'lost'].includes(s.phase) ? undefined : 'a claimed run neither starts nor ends'
    },
  }
}

const NAMES = Object.keys(EDITS) as (keyof typeof EDITS)[]
const ALL = { person: NAMES, edits: 2 }
/** A job that is deleted, inserted anew and written back from an old copy, all between a claim and its start, cannot be told from one
 *  that is deleted and inserted anew: its run is taken back, and a row says so. */
const MORE = { person: NAMES.filter(name => name !== 'writes the old document back'), edits: 3 }

describe('a claimed run that has not started', () => {
  holds('is taken back by an edit that a person made after its claim, and by no other', world(ALL))
  holds('is taken back by the last of more edits, and by no older one', world(MORE))
  breaks('is looked at before its start', world({ ...ALL, looksNever: true }), /^a run starts/, 5)
  breaks(
    'is judged by its document, not by an event',
    world({ ...MORE, believesEvents: true }),
    /taken back that no/,
    7,
  )
  breaks('is looked at again after a reading', world({ ...MORE, looksOnce: true }), /starts after its edit/, 9)
  breaks('is looked for in the answer, too', world({ ...ALL, overlooksAnswer: true }), /whose answer shows/, 5)
  breaks('is compared with the trigger that was asked for', world({ ...ALL, trustsAnswer: true }), /^a run starts/, 7)
  breaks(
    'stands where an old document was written back',
    world({ ...ALL, forgetsDeletes: true }),
    /taken back that no/,
    9,
  )
})
