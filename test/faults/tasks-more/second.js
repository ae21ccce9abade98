/** Second: a task that only some nodes of a service have. It writes the witness's lines. */
export { note } from '../tasks/witness.js'
