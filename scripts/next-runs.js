/* Shows the next run of each job, the soonest first.
 *
 *   mongosh "$URI" --quiet --file scripts/next-runs.js
 *   ID=mail mongosh "$URI" --quiet --file scripts/next-runs.js
 *
 * ID      only this job
 * IP      only the jobs of this node; "" for those without a node
 * LIMIT   how many at most; default 20
 * FORMAT  json: a line of extended JSON for each job
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given, options }) => {
  const ip = given('IP')
  const which = given('ID') ?? (ip === undefined ? undefined : { ip: ip || null })
  return tw.next(which, options)
})
