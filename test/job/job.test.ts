/** The types that people write jobs with: what the compiler lets through and what it refuses. Checked by `npm run check`: a line
 *  below `@ts-expect-error` that compiles is an error there. */
import { expectTypeOf, test } from 'vitest'
import type { z } from 'zod'
import { createNode, type FlatJob, type Job, type JobChanges, type JobInput, type Jobs } from '../../src/index.ts'
import type { jobSchema } from '../../src/job/job.ts'

const trigger = { type: 'interval', minutes: 5 } as const

/** Without the fields `x_…` and what a newer version may keep beside the known ones. */
type Known<T> = T extends Date | { toBigInt(): bigint }
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Known<Item>[]
    : T extends object
      ? { readonly [K in keyof T as string extends K ? never : K extends `x_${string}` ? never : K]: Known<T[K]> }
      : T
type Plain<T> = Omit<Known<T>, 'trigger' | 'kwargs' | 'args' | 'state'>

test('the schema and the documented job are of one mind', () => {
  expectTypeOf<Plain<z.infer<typeof jobSchema>>>().toEqualTypeOf<Plain<Job>>()
  type State = Omit<Known<NonNullable<z.infer<typeof jobSchema>['state']>>, 'unrecorded'>
  expectTypeOf<State>().toEqualTypeOf<Omit<Known<NonNullable<Job['state']>>, 'unrecorded'>>()
})

test('what works is let through', () => {
  expectTypeOf({
    func: 'f',
    trigger,
    x_own: 1,
    ip: null,
    next_run_time: '2027-01-31T08:00:00Z',
  } as const).toExtend<JobInput>()
  expectTypeOf({
    id: 'a',
    func: 'f',
    trigger: 'interval',
    minutes: 5,
    replace_existing: true,
  } as const).toExtend<FlatJob>()
  expectTypeOf({ id: 'a', func: 'f', trigger: 'cron', expression: '@daily' } as const).toExtend<FlatJob>()
  expectTypeOf({ func: 'f', run_date: '2027-01-31' } as const).toExtend<FlatJob>()
  expectTypeOf({ name: undefined, ip: null, max_instances: 2 } as const).toExtend<JobChanges>()
})

test('what is misspelt is refused', () => {
  // Compiled, never called.
  const refused = (jobs: Jobs) => [
    // @ts-expect-error max_instances
    jobs.add({ func: 'f', trigger, max_instance: 2 }),
    // @ts-expect-error minutes
    jobs.add({ func: 'f', trigger: { type: 'interval', minuts: 5 } }),
    // @ts-expect-error minutes
    jobs.add({ id: 'a', func: 'f', trigger: 'interval', minuts: 5 }),
    // @ts-expect-error intervals have no hour
    jobs.add({ id: 'a', func: 'f', trigger: 'interval', hour: 5 }),
    // @ts-expect-error fields of the trigger belong into it
    jobs.add({ func: 'f', trigger, minutes: 5 }),
    // @ts-expect-error written by nodes
    jobs.add({ func: 'f', trigger, touch: 'x' }),
    // @ts-expect-error one of three words
    jobs.add({ func: 'f', trigger, overlap: 'wait' }),
    // @ts-expect-error a job keeps its id
    jobs.update('a', { _id: 'b' }),
    // @ts-expect-error name
    jobs.update('a', { nam: 'b' }),
    // @ts-expect-error ids are text
    jobs.remove({ $ne: null }),
  ]
  expectTypeOf(refused).returns.toBeArray()
  expectTypeOf(createNode).toBeFunction()
})
