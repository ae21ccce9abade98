/* Lists nodes: who lives, with how many jobs and runs.
 *
 *   mongosh "$URI" --quiet --file scripts/list-nodes.js
 *
 * FORMAT  json: a line of extended JSON for each node
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(() => tw.nodes())
