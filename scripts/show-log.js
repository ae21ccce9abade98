/* Shows what a run said.
 *
 *   ID=mail mongosh "$URI" --quiet --file scripts/show-log.js
 *
 * ID      a run, or a job, whose latest run it is then
 * FORMAT  json: the row of the run as a line of extended JSON
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given }) => tw.log(given('ID')))
