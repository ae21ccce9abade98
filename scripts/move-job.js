/* Moves a job to another node: the old one drops it, the new one arms it with the same next run time.
 * A run that has started finishes where it is.
 *
 *   mongosh "$URI" --eval 'var ID="mail", IP="10.0.0.2"' --file scripts/move-job.js
 *   ID=mail IP=10.0.0.2 mongosh "$URI" --file scripts/move-job.js
 *
 * ID      the job
 * IP      the node that is to run it; "" has the cluster choose one
 * FORMAT  json: the job as a line of extended JSON
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given }) => tw.move(given('ID'), given('IP')))
