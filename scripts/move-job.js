/* Moves a job to another node: the old one drops it, the new one arms it with the same next run time.
 * A run that has started finishes where it is.
 *
 *   mongosh "$URI" --eval 'var ID="mail", IP="10.0.0.2"' --file scripts/move-job.js
 *   ID=mail IP=10.0.0.2 mongosh "$URI" --file scripts/move-job.js
 *
 * ID    the job
 * IP    the node that is to run it; "" has the cluster choose one
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
  const ip = given('IP') ?? fail('where to? Give the node as IP')
  const update = ip === '' ? { $unset: { ip: '' } } : { $set: { ip } }
  const before = attempt(() => jobs.findOneAndUpdate({ _id: id }, update, { returnDocument: 'before' }))
  if (before === null) fail(`there is no job "${id}"`)
  print(`moved "${id}" from ${before.ip ?? 'no node'} to ${ip || 'a node that the cluster chooses'}`)
  const node = ip && db.getSiblingDB(database).getCollection('nodes').findOne({ _id: ip })
  if (ip && !node) print(`no node "${ip}" is known yet: the job waits until one comes`)
  else if (node?.status === 'stopped') print(`the node "${ip}" is stopped: the job waits until it starts`)
})()
