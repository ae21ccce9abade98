/* Runs a job once more, now; its schedule stays as it is. The time is the server's, not this machine's.
 *
 *   mongosh "$URI" --eval 'var ID="mail"' --file scripts/run-now.js
 *   ID=mail mongosh "$URI" --file scripts/run-now.js
 *
 * ID    the job
 * DB    the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
;(() => {
  // --- the same in each of these scripts: parameters and the database
  const given = name => globalThis[name] ?? process.env[name]
  const fail = sentence => {
    throw new Error(sentence)
  }
  const database = given('DB') || (db.getName() === 'test' ? 'tidewheel' : db.getName())
  const [{ options } = {}] = db.getSiblingDB(database).getCollectionInfos({ name: 'jobs' })
  if (!String(options?.validator?.$jsonSchema?.title).startsWith('tidewheel jobs')) {
    fail(
      `the database "${database}" has no collection "jobs" of Tidewheel; name another with DB, or run: tidewheel init`,
    )
  }
  const jobs = db.getSiblingDB(database).getCollection('jobs')
  print(`database ${database}`)
  /** Does a write; a refusal of MongoDB becomes one line that says what is allowed. */
  const attempt = write => {
    try {
      // mongosh awaits what is assigned, not what is returned.
      const result = write()
      return result
    } catch (error) {
      const broken = error.errInfo?.details?.schemaRulesNotSatisfied
      if (!broken) throw error
      const [unknown] = broken.flatMap(rule => rule.additionalProperties ?? [])
      if (unknown) fail(`refused: ${unknown}: not a field of a job; data of your own goes into x_ fields`)
      const [, rule] = /"description":("(?:[^"\\]|\\.)*")/.exec(EJSON.stringify(broken)) ?? []
      fail(`refused: ${rule ? JSON.parse(rule) : 'the document breaks a rule of the collection'}`)
    }
  }
  // ---
  const id = String(given('ID') ?? fail('which job? Give its id as ID'))
  const update = [{ $set: { run_at: { $concatArrays: [{ $ifNull: ['$run_at', []] }, ['$$NOW']] } } }]
  const job = attempt(() => jobs.findOneAndUpdate({ _id: id }, update, { returnDocument: 'after' }))
  if (job === null) fail(`there is no job "${id}"`)
  print(`"${id}" runs on ${job.ip ?? 'the node that adopts it'}, ordered at ${job.run_at.at(-1).toISOString()}`)
  if (job.state?.error) print(`it may not: ${job.state.error}`)
})()
