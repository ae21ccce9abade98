/** Answers that are late, lost or many at once: who won is told by the run id in the document, and by nothing else.
 *  Orders and claims are the source's; how the database is asked is written out here. */
import { describe } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { matches } from './document.ts'
import { each, fixed, type Model, type Steps } from './explore.ts'
import { aJob, anEntry, anOutcome, reach } from './jobs.ts'
import { breaks, holds } from './pair.ts'
import { type Command, claimOf, endsOf, memoryOf, minute, orderAt, recovery, without } from './real.ts'

type Phase = 'sent' | 'arrived' | 'won' | 'lost' | 'settled'

interface World {
  job: Job
  /** The claims of two processes of one ip, or a claim and what it was taken for. */
  claims: Record<string, { phase: Phase; won: boolean }>
  olderRun: boolean
  edits: number
}

interface Rules {
  readonly names: readonly string[]
  readonly tellsBy: 'run_id' | 'touch' | 'guess'
  /** A claim whose answer was lost is sent again, instead of looked up. */
  readonly sendsAgain?: boolean
  readonly claimsWithout?: readonly string[]
  /** A command may arrive after its sender looked for it, who looks once more later. */
  readonly late?: boolean
  readonly looksOnce?: boolean
}

const start = aJob({ max_instances: 5 }, { running: [anEntry('old')] })

function claim(name: string): Command {
  const { entry } = memoryOf('a', fixed([{ at: 1, change: { type: 'put', job: start, from: 'read' } as const }]))
  const order = entry && orderAt(entry, 1)
  if (order === undefined) throw new Error('nothing is due')
  return claimOf(order, { ip: 'a', incarnation: name }, 1, `${name}.run`, `${name}.touch`)
}

const winners = ({ names, tellsBy, sendsAgain, claimsWithout, late, looksOnce }: Rules): Model<World> => {
  const steps = (name: string): Steps<World> => {
    const { filter, update } = claim(name)
    const command = { filter: without(filter, claimsWithout), update: update as never }
    const arrives = (s: World) => {
      const mine = s.claims[name] as World['claims'][string]
      mine.phase = 'arrived'
      const after = reach(s.job, command)
      if (after === undefined || after === null) return
      s.job = after
      mine.won = true
    }
    const marks = { run_id: { 'state.running.run_id': `${name}.run` }, touch: { touch: `${name}.touch` }, guess: {} }
    return {
      [`${name}'s claim arrives, its answer is lost`]: [s => s.claims[name]?.phase === 'sent', arrives],
      [`${name}'s claim is lost on the way`]: [
        s => s.claims[name]?.phase === 'sent',
        s => {
          ;(s.claims[name] as World['claims'][string]).phase = 'arrived'
        },
      ],
      [`${name} looks who won`]: [
        s => s.claims[name]?.phase === 'arrived',
        s => {
          const mine = s.claims[name] as World['claims'][string]
          mine.phase = matches(s.job, { _id: 'job', ...marks[tellsBy] }) ? 'won' : 'lost'
        },
      ],
      ...(late && {
        [`${name} looks before its claim arrives`]: [
          s => s.claims[name]?.phase === 'sent',
          s => {
            arrives(s)
            ;(s.claims[name] as World['claims'][string]).phase = 'lost'
          },
        ],
      }),
      ...(late &&
        !looksOnce && {
          [`${name} looks once more`]: [
            s => s.claims[name]?.phase === 'lost',
            async s => {
              ;(s.claims[name] as World['claims'][string]).phase = 'settled'
              const mine = s.olderRun ? ['old'] : []
              const owner = { ip: 'a', incarnation: name, incarnations: { a: name }, rows: [], mine, newRun: 'again' }
              for (const what of (await recovery(s.job, owner)).said) {
                if (what.type !== 'interrupted') continue
                const [pull] = endsOf(what.outcome, 'i.touch')
                s.job = reach(s.job, pull as Command) ?? s.job
              }
            },
          ],
        }),
      ...(sendsAgain && { [`${name} sends it again`]: [s => s.claims[name]?.phase === 'arrived', arrives] }),
    }
  }
  return {
    start: {
      job: start,
      claims: Object.fromEntries(names.map(name => [name, { phase: 'sent', won: false } as const])),
      olderRun: true,
      edits: 1,
    },
    steps: {
      ...each(names, steps),
      'an older run ends': [
        s => s.olderRun,
        async s => {
          s.olderRun = false
          const [pull] = endsOf(anOutcome(s.job, 'old'), 'f.touch')
          s.job = reach(s.job, pull as Command) ?? s.job
        },
      ],
      'person moves the job': [
        s => s.edits > 0,
        s => {
          s.edits--
          s.job = fixed({ ...s.job, ip: 'b' })
        },
      ],
      'person orders a time': [
        s => s.edits > 0,
        s => {
          s.edits--
          s.job = fixed({ ...s.job, next_run_time: minute(3) })
        },
      ],
    },
    wrong: (s, quiet) => {
      const all = Object.values(s.claims)
      if (all.filter(one => one.phase === 'won').length > 1) return 'two processes run one claim'
      if ((s.job.state?.running ?? []).filter(one => one.run_id !== 'old').length > 1)
        return 'one time is entered twice'
      for (const [name, { phase, won }] of Object.entries(s.claims)) {
        if (phase === 'won' && !won) return `${name} runs what it did not win`
        const stands = (s.job.state?.running ?? []).some(entry => entry.run_id === `${name}.run`)
        if (phase === 'lost' && won && (!late || quiet)) return `${name} does not run what it won, and lives`
        if (phase === 'settled' && stands) return `an entry of ${name} stays for ever`
      }
      return undefined
    },
  }
}

describe('who won a claim', () => {
  const names = ['A', 'Z']
  holds('is told by the run id, whatever was written since', winners({ names, tellsBy: 'run_id' }))
  breaks('is told by the run id, not by touch', winners({ names, tellsBy: 'touch' }), /does not run/, 3)
  breaks('is never guessed', winners({ names, tellsBy: 'guess' }), /did not win/, 2)
  breaks(
    'is one of many, by the time that was claimed',
    winners({ names, tellsBy: 'run_id', claimsWithout: ['next_run_time', 'state.claimed_to'] }),
    /twice/,
    2,
  )
  holds(
    'is told later where a claim arrives after it was looked for',
    winners({ names: ['A'], tellsBy: 'run_id', late: true }),
  )
  breaks(
    'is looked up once more where a claim may still come',
    winners({ names: ['A'], tellsBy: 'run_id', late: true, looksOnce: true }),
    /does not run what it won/,
    4,
  )
  holds('is the same when a claim is sent twice', winners({ names: ['A'], tellsBy: 'run_id', sendsAgain: true }))
})
