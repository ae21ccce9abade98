/* Shows one job, field by field.
 *
 *   ID=mail mongosh "$URI" --quiet --file scripts/get-job.js
 *
 * ID      the job
 * FORMAT  json: the job as a line of extended JSON
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given }) => tw.get(given('ID')))
