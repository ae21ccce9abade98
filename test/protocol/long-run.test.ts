/** A long life at random: several nodes (two of them of one ip), several jobs, a person who never stops, and every fault,
 *  for thousands of steps. Promises 1 to 3 hold at each step; when the faults end and everything has come to rest, no time
 *  that was due is left (promise 4), and memory says what the documents say.
 *  A failure prints its last steps and can be run again by its seed; for a shorter way to it there are the explored models. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { copy } from './explore.ts'
import { aJob, EVERY_MINUTE, EVERY_OTHER } from './jobs.ts'
import { memoryOf, minute, minuteOf } from './real.ts'
import { type Rules, type World, worldOf } from './world.ts'

const person: Rules['person'] = {
  'person orders a time': (job, { now }) => ({ ...job, next_run_time: minute(now + 3) }),
  'person orders an extra run': (job, { now }) => ({ ...job, run_at: [...(job.run_at ?? []).slice(-2), minute(now)] }),
  'person pauses': job => ({ ...job, next_run_time: null }),
  'person unsets next_run_time': ({ next_run_time: _, ...job }) => job as Job,
  'person sets another trigger': job => ({
    ...job,
    trigger: 'minutes' in job.trigger && job.trigger.minutes === 1 ? EVERY_OTHER : EVERY_MINUTE,
  }),
  'person sets max_instances': job => ({ ...job, max_instances: job.max_instances === 2 ? 3 : 2 }),
  'person moves it to b': job => ({ ...job, ip: 'b' }),
  'person moves it to a': job => ({ ...job, ip: 'a' }),
}

const rules = (id: string, more: Partial<Rules> = {}): Rules => ({
  nodes: { A: 'a', B: 'b', Z: 'a' },
  job: aJob({ _id: id, max_instances: 2, coalesce: id !== 'job2' }, { job: id }),
  from: 1,
  until: Number.POSITIVE_INFINITY,
  edits: Number.POSITIVE_INFINITY,
  person,
  faults: true,
  ...more,
})

/** Of what can happen, edits and faults are rarer than what nodes do. */
const RARE = /^person|anew|lost on the way/
const ENDS = /^person|anew|lost on the way|minute/

interface Life {
  readonly steps: number
  readonly runs: number
  readonly trace: readonly string[]
  readonly wrong: string | undefined
}

async function live(choices: readonly number[], jobs: readonly Rules[]): Promise<Life> {
  const models = jobs.map(worldOf)
  const worlds: World[] = models.map(({ start }) => copy(start))
  const trace: string[] = []
  let claimed = 0
  const take = async (of: number, choice: number, faults: boolean): Promise<string | undefined> => {
    const [model, world] = [models[of] as (typeof models)[number], worlds[of] as World]
    const possible = Object.entries(model.steps).filter(([name, [when]]) => (faults || !ENDS.test(name)) && when(world))
    const usual = possible.filter(([name]) => !RARE.test(name))
    const from = faults && choice % 5 === 0 ? possible : usual
    const [name, step] = from[Math.floor(choice / 5) % Math.max(1, from.length)] ?? []
    if (name === undefined || step === undefined) return undefined
    await step[1](world)
    trace.push(`${model.start.job?._id}: ${name}`)
    return name
  }
  const wrong = () => models.map((model, i) => model.wrong(worlds[i] as World, false)).find(one => one !== undefined)
  const end = (what: string | undefined): Life => ({ steps: trace.length, runs: claimed, trace, wrong: what })
  for (const choice of choices) {
    await take(choice % jobs.length, Math.floor(choice / jobs.length), true)
    const found = wrong()
    if (found !== undefined) return end(found)
  }
  // The faults end: nodes do all they can, time stands still.
  for (let i = 0; i < jobs.length; i++) {
    for (let n = 0; (await take(i, n * 5 + 1, false)) !== undefined; n++) {
      const found = wrong()
      if (found !== undefined) return end(found)
      if (n > 500) return end(`${jobs[i]?.job._id} does not come to rest`)
    }
    claimed += (worlds[i] as World).claimed.length
    const left = unserved(worlds[i] as World)
    if (left !== undefined) return end(left)
  }
  return end(undefined)
}

/** A time that is due, while its owner lives and everything is at rest. */
function unserved({ job, now, nodes }: World): string | undefined {
  const next = job?.next_run_time
  const owners = Object.values(nodes).filter(({ ip }) => ip === job?.ip)
  if (next instanceof Date && minuteOf(next) <= now) return `minute ${minuteOf(next)} was due and is left`
  const armed = owners.some(({ ip, seen }) => memoryOf(ip, seen).entry?.state === 'armed')
  return next !== null && !armed ? 'a job that is not paused is armed nowhere' : undefined
}

const lives = (steps: number) => fc.array(fc.nat({ max: 1_000_000 }), { minLength: steps, maxLength: steps })

describe('a long life', () => {
  test('breaks no promise', async ({ annotate }) => {
    const jobs = ['job0', 'job1', 'job2'].map(id => rules(id))
    let [steps, runs] = [0, 0]
    await fc.assert(
      fc.asyncProperty(lives(1_500), async choices => {
        const life = await live(choices, jobs)
        steps += life.steps
        runs += life.runs
        expect(life.wrong, life.trace.slice(-30).join('\n')).toBe(undefined)
      }),
      { seed: 2026, numRuns: 5, endOnFailure: true },
    )
    await annotate(`${steps} steps, ${runs} scheduled runs`)
    expect(runs).toBeGreaterThan(100)
  })

  test.each([
    ['that claims without the time', { claimsWithout: ['next_run_time', 'state.claimed_to'] }, /lost|twice/],
    ['that claims without room', { claimsWithout: ['state.running'] }, /more runs/],
    ['that claims what has moved', { claimsWithout: ['ip'] }, /has left/],
    ['that plans over edits', { plansWithout: ['next_run_time'] }, /lost/],
    ['that believes old answers', { believesOldAnswers: true }, /./],
  ] as const)('%s is found out', async (_, mutant, found) => {
    const wrong: string[] = []
    const alone = fc.asyncProperty(lives(400), async choices => {
      const life = await live(choices, [rules('job', mutant)])
      if (life.wrong !== undefined) wrong.push(life.wrong)
      return life.wrong === undefined
    })
    expect((await fc.check(alone, { seed: 2026, numRuns: 50, endOnFailure: true })).failed).toBe(true)
    expect(wrong[0]).toMatch(found)
  })
})
