/* Adds a job. The node named in its ip plans and arms it at once; without an ip a living node adopts it.
 *
 *   mongosh "$URI" --eval 'var JOB={_id: "mail", func: "mail:digest", trigger: {type: "interval", minutes: 5}}' \
 *     --file scripts/add-job.js
 *   JOB='{"func": "mail:digest", "trigger": {"type": "cron", "hour": 8}}' mongosh "$URI" --file scripts/add-job.js
 *   FILE=job.json mongosh "$URI" --file scripts/add-job.js
 *
 * JOB     the job: an object, or extended JSON; an id is made if it has none
 * FILE    a file with that JSON
 * FORMAT  json: what was added as a line of extended JSON
 * DB      the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
tw.script(({ given }) => {
  const file = given('FILE')
  return tw.add(given('JOB') ?? (file && require('node:fs').readFileSync(file, 'utf8')))
})
