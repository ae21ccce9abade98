/** Mutants: the product with one promise broken on purpose, and the scenario in which the checker has to notice.
 *  In: a name. Out: patches on a copy of the sources; text that has changed in the sources meanwhile is an error, not a pass.
 *  `finds`: failures of which at least one has to be found. */
import type { Patch } from './product.ts'
import type { ShortName } from './short-plans.ts'

export interface Mutant {
  readonly name: string
  readonly patches: readonly Patch[]
  readonly plan: ShortName
  readonly finds: readonly string[]
}

const GUARD_NEXT: Patch = {
  file: 'claim/guards.ts',
  find: '    guard.next_run_time = isExactly(entry.stored)\n',
  put: '',
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a claim asks neither for the run time nor for what was claimed',
    patches: [
      GUARD_NEXT,
      {
        file: 'claim/guards.ts',
        find: "guard['state.claimed_to'] = { $not: { $gte: new Date(order.to) } }",
        put: 'guard._id = entry.id',
      },
    ],
    plan: 'race',
    finds: ['F2'],
  },
  { name: 'a claim does not ask for next_run_time', patches: [GUARD_NEXT], plan: 'race', finds: ['F2', 'F4'] },
  {
    name: 'a claim does not ask for the ip',
    patches: [
      {
        file: 'claim/guards.ts',
        find: 'const guard: Document = { _id: entry.id, ip }',
        put: 'const guard: Document = { _id: entry.id, ...(ip === "" && { ip }) }',
      },
    ],
    plan: 'race',
    finds: ['F3'],
  },
  {
    name: 'after a break the stream goes on from now, and nothing is read again',
    patches: [
      {
        file: 'change/follow.ts',
        find: '...(this.#token !== undefined ?',
        put: '...(this.#interrupted ? {} : this.#token !== undefined ?',
      },
    ],
    plan: 'cut',
    finds: ['F1', 'F9'],
  },
  {
    name: 'a lost place in the oplog is swallowed',
    patches: [{ file: 'change/follow.ts', find: 'if (TOKEN_IS_DEAD.has(code)) this.#forgetPosition()', put: '' }],
    plan: 'roll',
    finds: ['F1', 'F9'],
  },
  {
    name: 'a process that slept past its lease fires from memory',
    patches: [
      {
        file: 'cluster/lease.ts',
        find: '    if (this.#sent === undefined) return false\n',
        put: '    if (this.#sent === undefined || this.#sent !== undefined) return true\n',
      },
      {
        file: 'claim/claim.ts',
        find: "    const job = await context.jobs.findOneAndUpdate(filter, update, {\n      returnDocument: 'after',\n      maxTimeMS: MAX_TIME_MS,\n      ...MAJORITY,\n    })\n",
        put: "    const job = (await context.jobs.findOneAndUpdate(filter, update, {\n      returnDocument: 'after',\n      maxTimeMS: MAX_TIME_MS,\n      ...MAJORITY,\n    })) ?? (await context.jobs.findOne({ _id: order.entry.id }))\n",
      },
      {
        file: 'claim/claim.ts',
        find: "{ _id: { $in: ids }, 'state.running.run_id': { $in: runs } }",
        put: '{ _id: { $in: ids } }',
      },
      {
        file: 'claim/claim.ts',
        find: 'byRun.get(running.run_id) ?? null)',
        put: 'byRun.get(running.run_id) ?? found.find(job => job._id === order.entry.id) ?? null)',
      },
      // Else the heartbeat that comes at the same moment aborts what has not started yet.
      { file: 'life.ts', find: "    active?.abortAll({ status: 'interrupted', message: reason })\n", put: '' },
    ],
    plan: 'zombie',
    finds: ['F2', 'F3', 'F4'],
  },
  {
    name: 'a plan is written back whatever a person did meanwhile',
    patches: [
      {
        file: 'claim/plans.ts',
        find: 'const filter = { _id: id, ip, next_run_time: isExactly(stored), ...(trigger !== undefined && { trigger }) }',
        put: 'const filter = { _id: id, ...(ip === "" && { ip, next_run_time: isExactly(stored), trigger }) }',
      },
    ],
    plan: 'race',
    finds: ['F11'],
  },
  {
    name: 'leases are judged by the own clock',
    patches: [
      {
        file: 'cluster/registry.ts',
        find: "const left = { $ifNull: [{ $subtract: [LEASE_END, '$$NOW'] }",
        put: 'const left = { $ifNull: [{ $subtract: [LEASE_END, new Date()] }',
      },
      {
        file: 'cluster/registry.ts',
        find: 'lease: { $gt: 0 }, $expr: ENDED }',
        put: 'lease: { $gt: 0 }, $expr: { $lt: [LEASE_END, new Date()] } }',
      },
    ],
    plan: 'skew',
    finds: ['F1', 'F2', 'F5', 'F8', 'F10'],
  },
  {
    name: 'runs start when they are claimed, a little early',
    patches: [
      {
        file: 'run/run.ts',
        find: 'await until(claim.at, clock, abort.signal)',
        put: 'await until(claim.at - 45, clock, abort.signal)',
      },
    ],
    plan: 'calm',
    finds: ['F5'],
  },
  {
    name: 'a run gets the document as this process first saw it',
    patches: [
      {
        file: 'claim/claims.ts',
        find: '    run_id: running.run_id,\n    job,\n',
        put: '    run_id: running.run_id,\n    job: (first => (first.has(job._id) ? first.get(job._id) : (first.set(job._id, job), job)))((globalThis as any).first ??= new Map()),\n',
      },
    ],
    plan: 'calm',
    finds: ['F6'],
  },
  {
    name: 'the next run time is a second off',
    patches: [
      { file: 'claim/guards.ts', find: '  const at = new Date(next)\n', put: '  const at = new Date(next + 1_000)\n' },
    ],
    plan: 'calm',
    finds: ['F7'],
  },
  {
    name: 'a claim does not ask for room',
    patches: [
      {
        file: 'claim/guards.ts',
        find: 'places - 1}`]: { $exists: false }',
        put: 'places + 90}`]: { $exists: false }',
      },
      {
        file: 'claim/claims.ts',
        find: 'if (runs < (entry.maxInstances ?? JOB_DEFAULTS.max_instances)) return false',
        put: 'if (runs < 90) return false',
      },
    ],
    plan: 'calm',
    finds: ['F8'],
  },
  {
    name: 'now and then a row is not stored',
    patches: [
      {
        file: 'history/rows.ts',
        find: 'await executions.insertMany([...rows], { ordered: false })',
        put: 'if (rows.length % 2 === 0 || Math.random() < 0.8) await executions.insertMany([...rows], { ordered: false })',
      },
    ],
    plan: 'calm',
    finds: ['F10'],
  },
  {
    name: 'streams that broke are left open',
    patches: [
      {
        file: 'change/follow.ts',
        find: '    if (stream !== undefined) this.#ending = this.#opening.then(() => this.#kill(stream)).catch(() => {})\n',
        put: '    void stream\n',
      },
    ],
    plan: 'silent',
    finds: ['F12'],
  },
  {
    name: 'a run that had ended is told as interrupted when its node dies',
    patches: [
      {
        file: 'cluster/sweep.ts',
        find: 'row: final.get(entry.run_id)',
        put: 'row: entry.attempt > 9 ? final.get(entry.run_id) : undefined',
      },
    ],
    plan: 'points',
    finds: ['F2', 'F10'],
  },
  {
    name: 'warnings are not logged',
    patches: [
      {
        file: 'log.ts',
        find: '  logger[level](fields, type)\n',
        put: "  if (level === 'info' && !type.startsWith('stream.')) logger[level](fields, type)\n",
      },
    ],
    plan: 'cut',
    finds: ['F13'],
  },
]
