/* Adds a job. The node named in its ip plans and arms it at once; without an ip a living node adopts it.
 *
 *   mongosh "$URI" --eval 'var JOB={_id: "mail", func: "mail:digest", trigger: {type: "interval", minutes: 5}}' \
 *     --file scripts/add-job.js
 *   JOB='{"func": "mail:digest", "trigger": {"type": "cron", "hour": 8}}' mongosh "$URI" --file scripts/add-job.js
 *   FILE=job.json mongosh "$URI" --file scripts/add-job.js
 *
 * JOB   the job: an object, or extended JSON; an id is made if it has none
 * FILE  a file with that JSON
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
  const read = () => {
    const job = given('JOB') ?? (given('FILE') && require('node:fs').readFileSync(given('FILE'), 'utf8'))
    if (!job) fail('which job? Give it as JOB, or the name of a file as FILE')
    if (typeof job !== 'string') return job
    try {
      return EJSON.parse(job)
    } catch (error) {
      return fail(`the job is no JSON: ${error.message}`)
    }
  }
  const job = { _id: new ObjectId().toHexString(), ...read() }
  try {
    attempt(() => jobs.insertOne(job))
  } catch (error) {
    fail(error.code === 11000 ? `there is a job "${job._id}" already` : error.message)
  }
  print(`added "${job._id}"${job.ip ? ` on ${job.ip}` : ''}`)
})()
