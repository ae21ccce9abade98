/** Short plans: scenarios of half a minute, each with what shows one kind of defect.
 *  In: a seed. Out: a plan, as the mixed ones. `race`: claims and plans that arrive late, and edits in between. `cut`: edits
 *  that a node's stream does not hear. `zombie`: a node that sleeps past its lease. `roll`: a stream whose place in the oplog
 *  is gone. `silent`: lines on which nothing comes. `skew`: a node whose clock is a minute ahead.
 *  `setback`: one whose clock is set back while claimed runs wait for their time. `points`: a node that is killed at exact
 *  points of the way of a run. `calm`: no fault. */
import { type Edit, type Fault, type JobPlan, type Plan, type Random, random } from './plan.ts'

const job = (r: Random, i: number, node: number, body = 10, more: JobPlan['more'] = {}): JobPlan => ({
  _id: `job-${String(i).padStart(3, '0')}`,
  node,
  trigger: { type: 'interval', seconds: 3, phase: r.between(0, 2_999) },
  body,
  more,
})

const fault = (id: number, kind: Fault['kind'], at: number, ms: number, node = 0, amount = 0): Fault => ({
  id,
  kind,
  at,
  ms,
  node,
  amount,
})

interface Parts {
  readonly name: string
  readonly seed: number
  readonly ms: number
  readonly jobs: readonly JobPlan[]
  readonly edits?: readonly Edit[]
  readonly faults?: readonly Fault[]
  readonly oplogMb?: number
  readonly leaseMs?: number
}

const plan = ({ edits = [], faults = [], leaseMs = 4_000, ...parts }: Parts): Plan => ({
  nodes: 2,
  calmMs: 11_000,
  leaseMs,
  ...parts,
  faults: [...faults].sort((a, b) => a.at - b.at),
  edits: [...edits].sort((a, b) => a.at - b.at),
})

export const SHORT = {
  calm(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 12 }, (_, i) =>
      i < 8 ? job(r, i, i % 2) : job(r, i, i % 2, 4_000, i % 2 === 0 ? {} : { max_instances: 2 }),
    )
    const edits = jobs.map(({ _id }, i): Edit => ({ at: 5_000 + i * 200, job: _id, kind: 'args', marked: i % 2 === 0 }))
    return plan({ name: 'calm', seed, ms: 14_000, jobs, edits })
  },

  race(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 40 }, (_, i) => job(r, i, 0))
    const edits: Edit[] = []
    jobs.forEach(({ _id }, i) => {
      const base = { job: _id, marked: false }
      for (const at of [5_000, 11_000, 17_000]) {
        const when = at + r.between(0, 1_500)
        if (i % 8 === 7) {
          // To a node that is not there: nobody else takes the run.
          edits.push({ ...base, at: when, due: -250, kind: 'move', node: 9 })
          edits.push({ ...base, at: when + 2_500, kind: 'move', node: 0 })
          continue
        }
        if (i % 4 < 2) {
          // Away just before it is due, and back soon after.
          edits.push(
            { ...base, at: when, due: -250, kind: 'move', node: 1 },
            { ...base, at: when, due: 200, kind: 'move', node: 0 },
          )
        } else if (i % 4 === 2) {
          edits.push({ ...base, at: when, due: -200, kind: 'pause' }, { ...base, at: when + 3_500, kind: 'resume' })
        } else if (at === 17_000) {
          const trigger = { type: 'interval', seconds: 4, phase: r.between(0, 3_999) } as const
          edits.push(
            { ...base, at: when, kind: 'trigger', trigger },
            { ...base, at: when + r.between(700, 2_600), kind: 'pause' },
          )
        }
      }
    })
    return plan({
      name: 'race',
      seed,
      ms: 24_000,
      jobs,
      edits,
      faults: [fault(0, 'delay', 3_000, 20_000, 0, 500)],
      leaseMs: 8_000,
    })
  },

  cut(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 20 }, (_, i) => job(r, i, i < 8 ? 0 : 1))
    const edits = jobs
      .slice(8, 16)
      .map(({ _id }, i): Edit => ({ at: 6_000 + i * 300, job: _id, kind: 'move', node: 0, marked: false }))
    const faults = [
      fault(0, 'cut', 5_000, 6_500),
      ...[13, 14, 15, 16, 17, 18].map((second, i) => fault(i + 1, 'stream-killed', second * 1_000, 300)),
    ]
    // The lease outlasts the cut: a node that was given up would read everything anew.
    return plan({ name: 'cut', seed, ms: 20_000, jobs, edits, faults, leaseMs: 20_000 })
  },

  silent(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 10 }, (_, i) => job(r, i, i % 2))
    const faults = Array.from({ length: 6 }, (_, i) => fault(i, 'black-hole', 9_000 + (i >> 1) * 10_000, 7_000, i % 2))
    return plan({ name: 'silent', seed, ms: 37_000, jobs, faults, leaseMs: 30_000 })
  },

  zombie(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 24 }, (_, i): JobPlan => ({ ...job(r, i, 0), ...(i < 16 && { standby: 'any' }) }))
    const faults = [fault(0, 'node-pause', 5_000, 9_000), fault(1, 'node-pause', 22_000, 9_000, 1)]
    const edits = jobs.slice(16).map(
      ({ _id }, i): Edit => ({
        at: 7_000 + i * 100,
        job: _id,
        kind: i % 2 === 0 ? 'pause' : 'move',
        node: 1,
        marked: false,
      }),
    )
    return plan({ name: 'zombie', seed, ms: 33_000, jobs, faults, edits })
  },

  roll(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 20 }, (_, i) => job(r, i, i < 8 ? 0 : 1))
    const edits = jobs
      .slice(8, 14)
      .map(({ _id }, i): Edit => ({ at: 6_000 + i * 300, job: _id, kind: 'move', node: 0, marked: false }))
    return plan({
      name: 'roll',
      seed,
      ms: 22_000,
      jobs,
      edits,
      faults: [fault(0, 'oplog-rolled', 5_000, 8_000)],
      oplogMb: 16,
      leaseMs: 90_000,
    })
  },

  setback(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 60 }, (_, i) => job(r, i, i % 6 === 0 ? 0 : 1))
    const faults = [0, 1].map(i => fault(i, 'clock-jump', 5_000 + i * 12_000, 6_000, 1, -30))
    return plan({ name: 'setback', seed, ms: 27_000, jobs, faults, leaseMs: 8_000 })
  },

  points(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 24 }, (_, i) =>
      job(r, i, i % 3 === 0 ? 1 : 0, 10, i % 2 === 0 ? { on_interrupt: 'rerun' } : {}),
    )
    const kinds = ['kill-pull-sent', 'kill-row-sent', 'kill-claim-stored', 'kill-claim-sent'] as const
    // Twice: some of these runs are to be run again, others are not.
    const faults = [...kinds, ...kinds].map((kind, i) => fault(i, kind, 4_000 + i * 3_000, 0))
    return plan({ name: 'points', seed, ms: 29_000, jobs, faults })
  },

  skew(seed: number) {
    const r = random(seed)
    const jobs = Array.from(
      { length: 24 },
      (_, i): JobPlan => ({ ...job(r, i, i % 2, 2_000, i < 12 ? { on_interrupt: 'rerun' } : {}), standby: 'any' }),
    )
    return plan({ name: 'skew', seed, ms: 22_000, jobs, faults: [fault(0, 'clock-jump', 4_000, 14_000, 1, 60)] })
  },
} as const satisfies Record<string, (seed: number) => Plan>

export type ShortName = keyof typeof SHORT
