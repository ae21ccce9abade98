/* Lists the jobs that cannot be scheduled, and why: an unknown func, a cron field that never matches.
 *
 *   mongosh "$URI" --quiet --file scripts/list-invalid.js
 *
 * LIMIT   how many at most; default 100
 * FORMAT  json: a line of extended JSON for each job, with all fields
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ options }) => tw.invalid(options))
