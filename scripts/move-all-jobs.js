/* Moves all jobs of a node to another one. Runs that have started finish where they are.
 *
 *   FROM=10.0.0.1 TO=10.0.0.2 mongosh "$URI" --file scripts/move-all-jobs.js
 *
 * FROM    the node; "" for jobs without a node
 * TO      the node that is to run them; "" has the cluster choose
 * FORMAT  json: how many were moved, as a line of JSON
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given }) => tw.moveAll(given('FROM'), given('TO')))
