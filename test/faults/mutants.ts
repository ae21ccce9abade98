/** Mutants: the product with one promise broken on purpose, and the scenario in which the checker has to notice.
 *  In: a name. Out: patches on a copy of the sources; code that has changed in the sources meanwhile is an error, not a pass.
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
  find: '    guard.next_run_time = isExactly(entry.stored)\n',
  put: '',
}

/** Else the heartbeat that comes at the same moment aborts what has not started yet. */
const ABORT_AT_ONCE: Patch = { find: "    stages?.abortAll({ status: 'interrupted', message: reason })\n", put: '' }

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a claim asks neither for the run time nor for what was claimed',
    patches: [
      GUARD_NEXT,
      {
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
        find: 'const guard: Record<string, unknown> & { _id: string } = { _id: entry.id, ip }',
        put: 'const guard: Record<string, unknown> & { _id: string } = { _id: entry.id, ...(ip === "" && { ip }) }',
      },
    ],
    plan: 'race',
    finds: ['F3'],
  },
  {
    name: 'after a break the stream goes on from now, and nothing is read again',
    patches: [
      {
        find: '...(this.#token !== undefined ?',
        put: "...(this.#mode === 'interrupted' ? {} : this.#token !== undefined ?",
      },
    ],
    plan: 'cut',
    finds: ['F1', 'F9'],
  },
  {
    name: 'a lost place in the oplog is swallowed',
    patches: [{ find: 'if (TOKEN_IS_DEAD.has(code)) this.#forgetPosition()', put: '' }],
    plan: 'roll',
    finds: ['F1', 'F9'],
  },
  {
    name: 'a process that slept past its lease fires from memory',
    patches: [
      {
        find: '    return this.age < this.#options.leaseMs\n',
        put: '    return true\n',
      },
      {
        find: '    return this.#answer(command, taken.job)\n',
        put: '    return this.#answer(command, taken.job ?? (await writer.find({ _id: order.entry.id }, { local: true })))\n',
      },
      {
        find: "        'state.running.run_id': { $in: commands.flatMap(({ running }) => running?.run_id ?? []) },\n",
        put: '',
      },
      {
        find: "byRun.get(command.running?.run_id ?? '')",
        put: "byRun.get(command.running?.run_id ?? '') ?? found.find(job => job._id === command.order.entry.id)",
      },
      ABORT_AT_ONCE,
    ],
    plan: 'zombie',
    finds: ['F2', 'F3', 'F4'],
  },
  {
    name: 'a plan is written back whatever a person did meanwhile',
    patches: [
      {
        find: 'const filter = { _id: id, ip, next_run_time: isExactly(stored), ...(trigger !== undefined && { trigger }) }',
        put: 'const filter = { _id: id, ...(ip === "" && { ip, next_run_time: isExactly(stored), trigger }) }',
      },
    ],
    plan: 'race',
    finds: ['F11'],
  },
  {
    name: 'a plan is written back whatever trigger the job was given meanwhile',
    patches: [{ find: ', ...(trigger !== undefined && { trigger }) }', put: ' }' }],
    plan: 'undone',
    finds: ['F1'],
  },
  {
    name: 'leases are judged by the own clock',
    patches: [
      {
        find: "left: { $subtract: [LEASE_END, '$$NOW'] }",
        // The pipeline is made once: the time is read whenever it is sent.
        put: 'left: { $subtract: [LEASE_END, { get $literal() { return new Date() } }] }',
      },
      {
        find: 'lease: { $ne: 0 }, $expr: ENDED }',
        put: 'lease: { $ne: 0 }, $expr: { $lt: [LEASE_END, new Date()] } }',
      },
    ],
    plan: 'skew',
    finds: ['F1', 'F2', 'F5', 'F8', 'F10'],
  },
  {
    name: 'runs start when they are claimed, a little early',
    patches: [
      {
        find: 'await instants.until(claim.at, signal)',
        put: 'await instants.until(claim.at - 45, signal)',
      },
    ],
    plan: 'calm',
    finds: ['F5'],
  },
  {
    name: 'a run gets the document as this process first saw it',
    patches: [
      {
        find: '  return { job, entry, at: order.at, grace,',
        put: '  return { entry, at: order.at, job: (first => (first.has(job._id) ? first.get(job._id) : (first.set(job._id, job), job)))((globalThis as any).first ??= new Map()), grace,',
      },
    ],
    plan: 'calm',
    finds: ['F6'],
  },
  {
    name: 'the next run time is a second off',
    patches: [{ find: '  const at = new Date(next)\n', put: '  const at = new Date(next + 1_000)\n' }],
    plan: 'calm',
    finds: ['F7'],
  },
  {
    name: 'a claim does not ask for room',
    patches: [
      {
        find: 'places - 1}`]: { $exists: false }',
        put: 'places + 90}`]: { $exists: false }',
      },
      {
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
        find: 'some => this.#executions.insertMany([...some], { ordered: false })',
        put: 'async some => (some.length % 2 === 0 || Math.random() < 0.8) && this.#executions.insertMany([...some], { ordered: false })',
      },
    ],
    plan: 'calm',
    finds: ['F10'],
  },
  {
    name: 'streams that broke are left open',
    patches: [
      {
        find: '    if (stream !== undefined) this.#ending = this.#opening.then(() => this.#close(stream)).catch(() => {})\n',
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
        find: '  logger[level](fields, type)\n',
        put: "  if (level === 'info' && !type.startsWith('stream.')) logger[level](fields, type)\n",
      },
    ],
    plan: 'cut',
    finds: ['F13'],
  },
  {
    name: 'one won claim in ten is taken for lost',
    patches: [
      {
        find: "if (job !== null) return { order, type: 'won', job,",
        put: "if (job !== null && Math.random() >= 0.1) return { order, type: 'won', job,",
      },
    ],
    plan: 'calm',
    finds: ['F1'],
  },
  {
    name: 'one due time in eight is slept through',
    patches: [
      {
        find: '      const entry = this.#options.entries.get(id)\n      // With',
        put: '      if (Math.random() < 0.125) {\n        this.#wheel.put(id, Date.now() + 3_050 + this.#options.lead.most)\n        continue\n      }\n      const entry = this.#options.entries.get(id)\n      // With',
      },
    ],
    plan: 'calm',
    finds: ['F1'],
  },
  {
    name: 'a claim does not ask what was claimed',
    patches: [
      {
        find: 'if (!entry.ordered || order.to !== entry.due) guard',
        put: 'if (order.kind === "extra") guard',
      },
    ],
    plan: 'stale',
    finds: ['F2'],
  },
  {
    name: 'a claim does not ask for the trigger',
    patches: [{ find: 'guard.trigger = entry.trigger.stored', put: 'guard._id = entry.id' }],
    plan: 'crowd',
    finds: ['F1', 'F7', 'F11'],
  },
  {
    name: 'a job that is over goes, whatever trigger it was given meanwhile',
    patches: [{ find: "    'state.over': true,\n    trigger,\n", put: "    'state.over': true,\n" }],
    plan: 'crowd',
    finds: ['F1', 'F11'],
  },
  {
    name: 'an attempt that waited starts without asking the document',
    patches: [
      {
        find: 'if (sent.matched === claims.length) return',
        put: 'if (sent.matched <= claims.length) return',
      },
    ],
    plan: 'retries',
    finds: ['F4'],
  },
  {
    name: "a run's entry goes before its row is there",
    patches: [
      {
        find: '          await rows.store(batch)\n',
        put: '          await wait(2_500).then(() => rows.store(batch))\n',
      },
      { find: 'const slow = stand && (await isSlow(rows))\n    if (!slow) await rows', put: 'const slow = false' },
    ],
    plan: 'points',
    finds: ['F10'],
  },
  {
    name: 'a claimed run starts, whoever has the lease by then',
    patches: [
      {
        find: 'if (!isHeld) {',
        put: 'if (!isHeld && claim.entry.attempt > 9) {',
      },
      ABORT_AT_ONCE,
    ],
    plan: 'frozen',
    finds: ['F2', 'F4', 'F10'],
  },
  {
    name: 'runs of a process that was replaced go on',
    patches: [
      {
        find: "stages?.abortAll({ status: 'interrupted', message: reason })",
        put: 'void stages',
      },
    ],
    plan: 'evicted',
    finds: ['F8', 'F10'],
  },
  {
    name: 'a lease that looks ended is closed at once',
    patches: [
      {
        find: 'const patience = third + this.#rank() * third',
        put: 'const patience = 0 * third',
      },
    ],
    plan: 'ahead',
    finds: ['F1', 'F3', 'F8', 'F10'],
  },
  {
    name: 'a job is placed, whoever gave it a node meanwhile',
    patches: [
      {
        find: 'filter: { _id, ...NOBODYS, ...ownState(_id) }',
        put: 'filter: { _id, ...ownState(_id) }',
      },
    ],
    plan: 'placing',
    finds: ['F3', 'F11'],
  },
  {
    name: 'a job is moved, whoever moved it meanwhile',
    patches: [{ find: 'filter: { _id, ip, standby:', put: 'filter: { _id, standby:' }],
    plan: 'draining',
    finds: ['F3', 'F11'],
  },
  {
    name: 'runs that go on where nothing starts are taken for dead',
    patches: [{ find: "'retry_at' in entry && startsNothing(", put: 'startsNothing(' }],
    plan: 'leaving',
    finds: ['F1', 'F8', 'F10'],
  },
  {
    name: 'a claim whose answer was lost is given up',
    patches: [
      {
        find: 'if (job !== null) return this.#answer(command, job)',
        put: 'if (job === undefined) return this.#answer(command, job)',
      },
    ],
    plan: 'lost',
    finds: ['F1', 'F10'],
  },
  {
    name: 'a process takes its own runs for dead',
    patches: [
      { find: '!(entry.job === job._id && book.has(entry.run_id))', put: 'book !== undefined' },
      { find: 'if (isOurs(entry, by)) return !book.has(entry.run_id)', put: 'if (isOurs(entry, by)) return true' },
    ],
    plan: 'calm',
    finds: ['F1', 'F8', 'F10'],
  },
  {
    name: 'an overdue document is believed, whatever the history says',
    patches: [
      {
        find: "entry.unproven = from !== 'claim' &&",
        put: "entry.unproven = (from as string) === 'nobody' &&",
      },
    ],
    plan: 'copies',
    finds: ['F2'],
  },
  {
    name: 'without coalesce, too, only the latest of several due times runs',
    patches: [{ find: 'coalesce: entry.coalesce, delay', put: 'coalesce: true, delay' }],
    plan: 'outage',
    finds: ['F1'],
  },
  {
    name: 'a pause for failures takes an order away',
    patches: [
      {
        find: "    'state.planned.ordered': { $ne: true },\n    $expr: { $eq: ['$next_run_time', '$state.planned.next_run_time'] },\n",
        put: '',
      },
    ],
    plan: 'failing',
    finds: ['F1', 'F11'],
  },
  {
    name: 'a job is not paused for its failures',
    patches: [
      {
        find: "'state.failures': { $gte: failures }",
        put: "'state.failures': { $gte: failures + 90 }",
      },
    ],
    plan: 'ways',
    finds: ['F4'],
  },
  {
    name: 'overlap cancel_other cancels nothing',
    patches: [
      {
        find: "if (overlap === 'cancel_other') cancels.cancelOldest(job)",
        put: 'void cancels',
      },
    ],
    plan: 'ways',
    finds: ['F1', 'F9'],
  },
  {
    name: 'a request to cancel is taken away and aborts nothing',
    patches: [
      {
        find: 'for (const { entry } of going) book.abort(entry.run_id, BY_REQUEST)',
        put: '',
      },
    ],
    plan: 'ways',
    finds: ['F4', 'F10'],
  },
  {
    name: 'a run may take longer than its timeout',
    patches: [{ find: 'after(clock, timeout * 1000,', put: 'after(clock, timeout * 100_000,' }],
    plan: 'ways',
    finds: ['F10'],
  },
  {
    name: 'the last attempt is never made',
    patches: [
      {
        find: 'failed.attempt >= retry.max_attempts',
        put: 'failed.attempt >= retry.max_attempts - 1',
      },
    ],
    plan: 'ways',
    finds: ['F1'],
  },
  {
    name: 'a claimed run starts, whatever was heard of its job meanwhile',
    patches: [
      {
        find: "if (since === undefined || this.#options.roster.since(claim.job._id, since) === 'same') return undefined",
        put: 'if (since === undefined || since >= 0) return undefined',
      },
    ],
    plan: 'crowd',
    finds: ['F4', 'F7'],
  },
  {
    name: 'a claimed run is judged by the trigger that its document had when it was answered',
    patches: [
      {
        find: 'fingerprint(trigger, timezone) === claim.trigger',
        put: 'fingerprint(trigger, timezone) === fingerprint(claim.job.trigger, timezone)',
      },
    ],
    plan: 'crowd',
    finds: ['F7'],
  },
  {
    name: 'an edit that the answer of a claim shows is overlooked',
    patches: [
      {
        find: 'return takenBack === undefined ? claim : { ...claim, takenBack }',
        put: 'return takenBack === "" ? { ...claim, takenBack } : claim',
      },
    ],
    plan: 'crowd',
    finds: ['F4', 'F7'],
  },
  {
    name: 'reads go where the connection string says',
    patches: [{ find: "  readPreference: 'primary',\n", put: '' }],
    plan: 'lag',
    finds: ['F1', 'F10'],
  },
  {
    name: 'a claim that the primary has and the majority has not is given up',
    patches: [
      {
        find: '(await writer.find(filter, { maxTimeMS: MAX_TIME_MS, local: true })) !== null) continue',
        put: '(await writer.find(filter, { maxTimeMS: MAX_TIME_MS, local: true })) === undefined) continue',
      },
    ],
    plan: 'lag',
    finds: ['F1', 'F10'],
  },
]
