/* Gives a job another trigger, from now on. A paused job stays paused.
 *
 *   ID=mail TRIGGER='30 8 * * mon-fri' mongosh "$URI" --file scripts/reschedule-job.js
 *   mongosh "$URI" --eval 'var ID="mail", TRIGGER={type: "interval", minutes: 5}' --file scripts/reschedule-job.js
 *
 * ID       the job
 * TRIGGER  crontab text, or a trigger: an object, or extended JSON
 * RESUME   1: a paused job is resumed
 * FORMAT   json: the job as a line of extended JSON
 * DB       the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given }) => tw.reschedule(given('ID'), given('TRIGGER'), { resume: Boolean(given('RESUME')) }))
