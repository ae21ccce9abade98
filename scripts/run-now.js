/* Runs a job once more, now; its schedule stays as it is. The time is the server's, not this machine's.
 *
 *   mongosh "$URI" --eval 'var ID="mail"' --file scripts/run-now.js
 *   ID=mail mongosh "$URI" --file scripts/run-now.js
 *
 * ID       the job
 * RESTART  1: its trigger goes on from this run; an interval starts anew, and a pause ends
 * FORMAT   json: the job as a line of extended JSON
 * DB       the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given }) => tw.run(given('ID'), { restart: Boolean(given('RESTART')) }))
