/* Lists the jobs that nobody runs, because no node of their ip lives.
 *
 *   mongosh "$URI" --quiet --file scripts/list-stranded.js
 *
 * LIMIT   how many at most; default 100
 * FORMAT  json: a line of extended JSON for each job, with all fields
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ options }) => tw.stranded(options))
