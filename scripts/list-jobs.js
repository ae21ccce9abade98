/* Lists jobs: id, where they run, what they run, and when next.
 *
 *   mongosh "$URI" --quiet --file scripts/list-jobs.js
 *   mongosh "$URI" --quiet --eval 'var IP="10.0.0.2"' --file scripts/list-jobs.js
 *   TAG=mail FORMAT=json mongosh "$URI" --quiet --file scripts/list-jobs.js
 *
 * IP      only the jobs of this node; "" for those without a node
 * TAG     only jobs with this tag
 * LIMIT   how many at most; default 100
 * FORMAT  json: a line of extended JSON for each job, with all fields
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
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
  // ---
  const filter = {}
  const ip = given('IP')
  if (ip !== undefined) filter.ip = ip === '' ? null : ip
  if (given('TAG')) filter.tags = given('TAG')
  const limit = Number(given('LIMIT') || 100)
  const found = jobs.find(filter).sort({ _id: 1 }).limit(limit).toArray()
  const count = jobs.countDocuments(filter)

  const next = job => {
    if (job.state?.error) return `not schedulable: ${job.state.error}`
    if (job.next_run_time === null) return job.state?.over ? 'over' : ['paused', job.note].filter(Boolean).join(': ')
    return job.next_run_time ? job.next_run_time.toISOString() : 'not planned yet'
  }
  const row = job => [job._id, job.ip ?? '-', job.func, job.trigger?.type, job.state?.last_status ?? '-', next(job)]
  const rows = [['ID', 'IP', 'FUNC', 'TRIGGER', 'LAST', 'NEXT'], ...found.map(row)].map(cells => cells.map(String))
  const widths = rows[0].map((_, column) => Math.max(...rows.map(cells => cells[column].length)))
  const line = cells =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd()

  if (given('FORMAT') === 'json') for (const job of found) print(EJSON.stringify(job))
  else for (const cells of rows) print(line(cells))
  print(found.length < count ? `${found.length} of ${count} jobs` : `${count} ${count === 1 ? 'job' : 'jobs'}`)
})()
