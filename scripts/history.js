/* Shows past runs, the latest first.
 *
 *   mongosh "$URI" --quiet --file scripts/history.js
 *   STATUS=error mongosh "$URI" --quiet --file scripts/history.js
 *   ID=mail LIMIT=100 mongosh "$URI" --quiet --file scripts/history.js
 *
 * ID      only the runs of this job
 * STATUS  only runs that ended so, such as error or missed; not together with ID
 * LIMIT   how many at most; default 20
 * FORMAT  json: a line of extended JSON for each run, with all fields
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given, options }) => {
  const which = given('ID') ?? (given('STATUS') && { status: given('STATUS') })
  return tw.history(which, options)
})
