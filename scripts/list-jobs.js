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
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given, options }) => {
  const ip = given('IP')
  const filter = { ...(ip !== undefined && { ip: ip || null }), ...(given('TAG') && { tags: given('TAG') }) }
  return tw.list(filter, options)
})
