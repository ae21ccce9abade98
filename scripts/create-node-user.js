/* Makes a MongoDB user for nodes, with what a node needs and nothing else: it runs jobs, keeps the history and the
 * registry, and sets up these three collections. It may not drop them, and not remove history: that goes by itself.
 * To be run by a user that may make users; once more does no harm, and brings the rights up to date.
 *
 *   NEW_USER=node PASSWORD=secret mongosh "$ADMIN_URI" --eval 'var DB="tidewheel"' --file scripts/create-node-user.js
 *
 * NEW_USER  its name
 * PASSWORD  of a new user; asked for where there is a terminal
 * HTTP      1: the node serves HTTP, too: it also reads and changes who may come in (users), and follows the whole
 *           database for what is shown live. The role has another name then, so that other nodes stay without
 * FORMAT    json: what was made, as a line of JSON
 * DB        the database; default: the one of the connection string, "tidewheel" where mongosh is in "test"
 */
load(`${__dirname}/tidewheel.mongosh.js`)
load(`${__dirname}/user.mongosh.js`)
const servesHttp = /^(1|true)$/.test(String(globalThis.HTTP ?? process.env.HTTP))
tidewheelUser(servesHttp ? 'tidewheel_node_http' : 'tidewheel_node', {
  jobs: ['find', 'insert', 'update', 'remove', 'changeStream', 'createCollection', 'createIndex', 'collMod'],
  executions: ['find', 'insert', 'update', 'createCollection', 'createIndex', 'collMod'],
  nodes: ['find', 'insert', 'update', 'remove', 'createCollection', 'collMod'],
  ...(servesHttp && { users: ['find', 'insert', 'update', 'remove'], '': ['find', 'changeStream'] }),
})
