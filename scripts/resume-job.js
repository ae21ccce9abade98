/* Resumes a paused job from now on: its node computes the next run from the trigger. What the pause missed is not
 * made up, and the note goes. A job that is not paused is left as it is.
 *
 *   mongosh "$URI" --eval 'var ID="mail"' --file scripts/resume-job.js
 *   ID=mail mongosh "$URI" --file scripts/resume-job.js
 *
 * ID      the job
 * FORMAT  json: the job as a line of extended JSON
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given }) => tw.resume(given('ID')))
