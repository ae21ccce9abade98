/** The witness's tasks, as every node has them. */
export { note, spin } from '../tasks/witness.js'
