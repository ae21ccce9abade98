/** Short plans: scenarios of half a minute, each with what shows one kind of defect.
 *  In: a seed. Out: a plan, as the mixed ones. `race`: claims and plans that arrive late, and edits in between. `cut`: edits
 *  that a node's stream does not hear. `zombie`: a node that sleeps past its lease. `roll`: a stream whose place in the oplog
 *  is gone. `silent`: lines on which nothing comes. `skew`: a node whose clock is a minute ahead.
 *  `setback`: one whose clock is set back while claimed runs wait for their time. `points`: a node that is killed at exact
 *  points of the way of a run. `calm`: no fault. `ways`: none either; runs of all executors that fail, are tried again, take too
 *  long, are cancelled. `crowd`: edits of jobs that are due together. `copies`: documents written back, after another node claimed
 *  what they say is due. `stale`: claims and plans of a node that hears late, made for a document that has changed twice.
 *  `retries`: jobs deleted between two attempts. `evicted`: runs of a living node whose lease is taken. `placing`: jobs that a person
 *  moves while nodes place them. `draining`: the same while a node gives its jobs away. `leaving`: a node drains while runs go on and
 *  attempts wait. `outage`: times that nobody was there for. `failing`: jobs that fail until they are paused, and orders meanwhile.
 *  `lost`: claims whose answers are lost. `ahead`: a primary whose clock is a minute ahead. `frozen`: a node that sleeps past its lease
 *  with claims that have not started. `lag`: a majority that is late, then one secondary alone, a node that reads from it, and nobody
 *  elected. `left`: running jobs moved away from a node that then dies. `undone`: triggers changed and changed back, while plans for
 *  them are under way. */
import { ALWAYS } from './edits.ts'
import { type Edit, type Fault, type JobPlan, type Plan, type Random, random, type Trigger } from './plan.ts'

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

type Parts = Pick<Plan, 'name' | 'seed' | 'ms' | 'jobs'> & Partial<Plan>

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

  ways(seed: number) {
    const r = random(seed)
    const retry = { max_attempts: 3, delay: 0.5, factor: 1 }
    const ways: readonly (Partial<JobPlan> & { readonly more: JobPlan['more'] })[] = [
      { more: { executor: 'process' } },
      { more: { executor: 'script' }, func: 'witness-script.mjs' },
      { more: { executor: 'process', timeout: 1 }, body: 5_000 },
      { more: { executor: 'script', timeout: 1 }, body: 5_000, func: 'witness-script.mjs' },
      { more: { retry }, fail: 2 },
      { more: { retry }, fail: ALWAYS },
      { more: { timeout: 1 }, body: 5_000 },
      { more: { overlap: 'cancel_other' }, body: 5_000 },
      { more: { overlap: 'queue_one' }, body: 4_000 },
      { more: { pause_after_failures: 2 }, fail: ALWAYS },
      { more: { retry, pause_after_failures: 2 }, fail: 1 },
      { more: {}, body: 2_700 },
    ]
    const jobs = ways.map(({ more, ...way }, i) => ({ ...job(r, i, i % 2, 10, more), ...way }))
    const jittery: JobPlan = {
      ...job(r, ways.length, 0),
      trigger: { type: 'interval', seconds: 3, phase: 0, jitter: 1 },
    }
    const long = jobs[11] as JobPlan
    const edits = [4_000, 9_000, 14_000].map((at, i): Edit => {
      return { at, due: 500, job: long._id, kind: 'cancel', of: i % 2 === 0 ? 'oldest' : 'all', marked: false }
    })
    const resumed: Edit = { at: 14_000, job: 'job-009', kind: 'resume', marked: false }
    return plan({ name: 'ways', seed, ms: 20_000, jobs: [...jobs, jittery], edits: [...edits, resumed] })
  },

  crowd(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 4 }, (_, i) => job(r, i, i % 2))
    // Runs of the second one go on for a while: what is claimed waits for a place, and is edited meanwhile.
    const crowds = [0, 1].map(i => ({
      ...fault(seed * 2 + i, 'crowd', 2_000 + i * 13_000, 12_000, 0, 800),
      bodyMs: i * 1_500,
    }))
    // Of the second one a node hears late: what was edited after its claim it ends before it knows.
    const faults = [...crowds, fault(seed * 2 + 2, 'delay', 14_500, 12_000, 0, 300)]
    // A crowd may keep a small machine from its heartbeats for some seconds.
    return plan({ name: 'crowd', seed, ms: 34_000, calmMs: 8_000, jobs, faults, leaseMs: 15_000 })
  },

  copies(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 16 }, (_, i) => job(r, i, 1))
    const edits = jobs.flatMap(({ _id }, i) => {
      const base = { job: _id, marked: false }
      const copies = i % 4 === 0 ? [`${_id}-c0`] : []
      return [
        // Read on the one node, run on the other, written back with the time that was due meanwhile.
        ...[4_000, 10_000, 16_000].flatMap((at): readonly Edit[] => [
          { ...base, at, due: -1_500, kind: 'read' },
          { ...base, at, due: -1_400, kind: 'move', node: 0 },
          { ...base, at, due: r.between(150, 600), kind: 'write-back' },
        ]),
        ...copies.flatMap((copy): readonly Edit[] => [
          { at: 8_000 + i * 100, job: copy, kind: 'insert', copyOf: _id, marked: false },
          { at: 15_000 + i * 100, job: copy, kind: 'delete', marked: false },
        ]),
      ]
    })
    return plan({ name: 'copies', seed, ms: 23_000, jobs, edits })
  },

  stale(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 30 }, (_, i) => job(r, i, 1))
    const edits = jobs.flatMap(({ _id }, i) =>
      [4_000, 10_000, 16_000].flatMap((at): readonly Edit[] => {
        const base = { job: _id, marked: false, at }
        const trigger = { type: 'interval', seconds: 3, phase: r.between(0, 2_999) } as const
        // Planned anew by a node that hears late; meanwhile run elsewhere, and given back without a time.
        if (i % 3 === 0)
          return [
            { ...base, due: -700, kind: 'resume' },
            { ...base, due: -600, kind: 'move', node: 0 },
            { ...base, due: 100, kind: 'move', node: 1, unplanned: true },
          ]
        // Planned anew, and given another trigger before that is claimed, or written.
        if (at !== 16_000) return []
        const before = i % 3 === 1 ? [-700, -100] : [-1_200, -600]
        return [
          { ...base, due: before[0] as number, kind: 'resume' },
          { ...base, due: before[1] as number, kind: 'trigger', trigger },
        ]
      }),
    )
    const faults = [fault(0, 'delay', 3_000, 20_000, 1, 500)]
    return plan({ name: 'stale', seed, ms: 24_000, jobs, edits, faults, leaseMs: 8_000 })
  },

  retries(seed: number) {
    const r = random(seed)
    const retry = { max_attempts: 3, delay: 2, factor: 1 }
    const jobs = Array.from({ length: 12 }, (_, i): JobPlan => {
      const trigger = { type: 'interval', seconds: 6, phase: r.between(0, 5_999) } as const
      return { ...job(r, i, i % 2, 10, { retry }), trigger, fail: 1 }
    })
    const edits = jobs.slice(0, 8).flatMap(({ _id, node = 0, trigger }) =>
      [4_000, 13_000].flatMap((at): readonly Edit[] => {
        const base = { job: _id, marked: false, at }
        return [
          { ...base, due: 800, kind: 'delete' },
          { ...base, due: -2_000, kind: 'insert', node, trigger },
        ]
      }),
    )
    return plan({ name: 'retries', seed, ms: 22_000, jobs, edits })
  },

  evicted(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 12 }, (_, i): JobPlan => ({ ...job(r, i, i % 2, 9_000), standby: 'any' }))
    const faults = [0, 1].map(i => fault(i, 'evict', 5_000 + i * 10_000, 3_000, i))
    return plan({ name: 'evicted', seed, ms: 24_000, jobs, faults })
  },

  placing(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 30 }, (_, i): JobPlan => {
      const { node, ...placed } = job(r, i, 0)
      return placed
    })
    const edits = jobs.flatMap(({ _id }) =>
      [5_000, 9_000, 13_000].flatMap((at): readonly Edit[] => {
        const when = at + r.between(0, 2_000)
        return [
          { at: when, job: _id, kind: 'place', marked: false },
          { at: when + r.between(10, 230), job: _id, kind: 'move', node: r.between(0, 1), marked: false },
        ]
      }),
    )
    return plan({ name: 'placing', seed, ms: 17_000, jobs, edits })
  },

  draining(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 40 }, (_, i): JobPlan => ({ ...job(r, i, 0), standby: 'any' }))
    // The draining node hears and writes late, though not so late that it gives its heartbeats up, by which it hears of the drain: what
    // it moves was moved by a person meanwhile.
    const edits = jobs.map(({ _id }): Edit => {
      return { at: 6_000 + r.between(0, 6_000), job: _id, kind: 'move', node: 2, marked: false }
    })
    const faults = [fault(0, 'delay', 4_000, 14_000, 0, 400), fault(1, 'drain', 6_000, 6_000)]
    return plan({ name: 'draining', seed, ms: 22_000, nodes: 3, jobs, edits, faults, leaseMs: 8_000 })
  },

  leaving(seed: number) {
    const r = random(seed)
    const trigger = { type: 'interval', seconds: 6, phase: 0 } as const
    const retry = { max_attempts: 3, delay: 3, factor: 1 }
    const jobs = Array.from({ length: 16 }, (_, i): JobPlan => {
      const isLong = i % 2 === 0
      const base = { ...job(r, i, 0, isLong ? 5_000 : 10, { retry }), standby: 'any' } as const
      return isLong ? base : { ...base, trigger: { ...trigger, phase: r.between(0, 5_999) }, fail: 1 }
    })
    return plan({ name: 'leaving', seed, ms: 22_000, jobs, faults: [fault(0, 'drain', 6_000, 4_000)] })
  },

  outage(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 16 }, (_, i) => job(r, i, i % 4 === 3 ? 1 : 0, 10, { coalesce: i % 4 === 0 }))
    return plan({ name: 'outage', seed, ms: 18_000, jobs, faults: [fault(0, 'node-kill', 4_000, 8_000)] })
  },

  failing(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 12 }, (_, i): JobPlan => {
      const trigger = { type: 'interval', seconds: 4, phase: r.between(0, 3_999) } as const
      return { ...job(r, i, i % 2, 400, { pause_after_failures: 1 }), trigger, fail: ALWAYS }
    })
    const edits = jobs.flatMap(({ _id }) => {
      const base = { job: _id, marked: false }
      return [5_000, 13_000].flatMap((at): readonly Edit[] => [
        { ...base, at: at - 2_500, kind: 'resume' },
        // While the run goes on that is to pause the job.
        { ...base, at, due: 100, kind: 'order', later: 1_800 },
      ])
    })
    return plan({ name: 'failing', seed, ms: 22_000, jobs, edits })
  },

  lost(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 20 }, (_, i) => job(r, i, 0))
    return plan({
      name: 'lost',
      seed,
      ms: 20_000,
      jobs,
      faults: [fault(0, 'answer-lost', 4_000, 12_000)],
      leaseMs: 20_000,
    })
  },

  ahead(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 24 }, (_, i): JobPlan => ({ ...job(r, i, i % 3, 1_500), standby: 'any' }))
    // The first node that hears the new time sees the others' leases ended. Leases this short are renewed before it may believe that.
    const faults = [
      { ...fault(0, 'server-clock', 3_000, 12_000, 0, 60), leads: true },
      // An election has all heartbeats wait for it, and come together from then on: no more.
      fault(1, 'node-pause', 18_000, 900, 1),
      fault(2, 'node-pause', 20_400, 900, 2),
    ]
    return plan({ name: 'ahead', seed, ms: 36_000, nodes: 3, jobs, faults, leaseMs: 3_000 })
  },

  frozen(seed: number) {
    const r = random(seed)
    const phase = r.between(0, 2_999)
    const together = { type: 'interval', seconds: 3, phase } as const
    // So many that they are claimed well ahead.
    const jobs = Array.from({ length: 150 }, (_, i): JobPlan => {
      return { ...job(r, i, 0), trigger: together, ...(i % 2 === 0 && { standby: 'any' }) }
    })
    // Once while the claims are on their way, once when they are won.
    const faults = [0, 1].map(i => ({ ...fault(i, 'node-pause', 6_000 + i * 14_000, 7_000), afterClaimMs: i * 90 }))
    return plan({ name: 'frozen', seed, ms: 32_000, calmMs: 8_000, jobs, faults })
  },

  lag(seed: number) {
    const r = random(seed)
    // Those of the node that may read from a secondary are due together: who won is read there.
    const together = { type: 'interval', seconds: 3, phase: r.between(0, 2_999) } as const
    const jobs = Array.from({ length: 28 }, (_, i): JobPlan => {
      return i % 2 === 0 ? job(r, i, 0) : { ...job(r, i, 1), trigger: together }
    })
    // That node is given jobs while a secondary lags alone, one after the other: it is to know of each, though nobody tells it twice.
    const edits = jobs
      .filter(({ node }) => node === 0)
      .slice(0, 10)
      .map(({ _id }, i): Edit => ({ at: 17_000 + i * 400, job: _id, kind: 'move', node: 1, marked: false }))
    const faults = [fault(0, 'majority-lag', 4_000, 6_000, 0, 2), fault(1, 'majority-lag', 15_500, 8_000, 0, 1)]
    return plan({ name: 'lag', seed, ms: 27_000, calmMs: 9_000, jobs, edits, faults, readsFrom: [1], leaseMs: 15_000 })
  },

  undone(seed: number) {
    const r = random(seed)
    const every = (seconds: number): Trigger => ({ type: 'interval', seconds, phase: r.between(0, 59_999) })
    // Most are due again only in the quiet after the fault.
    const jobs = Array.from({ length: 24 }, (_, i): JobPlan => ({ ...job(r, i, i % 3), trigger: every(40) }))
    const edits = jobs.flatMap(({ _id, trigger }, i): readonly Edit[] => {
      const base = { job: _id, marked: false, kind: 'trigger' } as const
      // A node has one bulk of plans under way at a time: the next job's turn is after that.
      const at = 3_500 + Math.floor(i / 3) * 800
      // The old one again: the node has read the new one, and its plan for that is on the way.
      return [
        { ...base, at, trigger: every(90) },
        { ...base, at: at + r.between(200, 300), trigger },
      ]
    })
    const faults = [0, 1, 2].map(i => ({ ...fault(i, 'delay', 3_000, 7_600, i, 600), of: 'plans' as const }))
    return plan({ name: 'undone', seed, ms: 36_000, nodes: 3, jobs, edits, faults, leaseMs: 8_000 })
  },

  left(seed: number) {
    const r = random(seed)
    const jobs = Array.from({ length: 12 }, (_, i) => job(r, i, i % 2, i < 8 ? 5_000 : 10))
    return plan({ name: 'left', seed, ms: 26_000, jobs, faults: [fault(0, 'move-kill', 5_000, 8_000)] })
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
