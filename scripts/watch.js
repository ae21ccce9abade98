/* Shows what happens to jobs, runs and nodes, a line an event, until Ctrl-C.
 *
 *   mongosh "$URI" --quiet --file scripts/watch.js
 *   ID=mail LIMIT=1 mongosh "$URI" --quiet --file scripts/watch.js
 *
 * ID      only what happens to this job
 * LIMIT   ends after so many events
 * FORMAT  json: a line of extended JSON for each event
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given, options }) => tw.watch(given('ID'), options))
