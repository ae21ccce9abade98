/* Makes a MongoDB user for people, with what these scripts and the command line need and nothing else: it reads all and
 * follows it, adds, edits and removes jobs, and says what it wants of nodes. History it may only read.
 * To be run by a user that may make users; once more does no harm, and brings the rights up to date.
 *
 *   NEW_USER=ann PASSWORD=secret mongosh "$ADMIN_URI" --eval 'var DB="tidewheel"' --file scripts/create-person-user.js
 *
 * NEW_USER  its name
 * PASSWORD  of a new user; asked for where there is a terminal
 * FORMAT    json: what was made, as a line of JSON
 * DB        the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
load(`${__dirname}/user.mongosh.js`)
tidewheelUser('tidewheel_person', {
  jobs: ['find', 'insert', 'update', 'remove', 'changeStream'],
  executions: ['find', 'changeStream'],
  nodes: ['find', 'update', 'changeStream'],
})
