/* Pauses a job: it has no next run until it is resumed. A run that has started finishes.
 *
 *   mongosh "$URI" --eval 'var ID="mail", NOTE="provider is down, ask Ann"' --file scripts/pause-job.js
 *   ID=mail mongosh "$URI" --file scripts/pause-job.js
 *
 * ID      the job
 * NOTE    why, or whom to ask; shown wherever the job is
 * FORMAT  json: the job as a line of extended JSON
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given }) => tw.pause(given('ID'), given('NOTE')))
