/** Door: all that a door needs to serve, as one module that is loaded only where something is served. */
export { assertServable } from '../http/door.ts'
export { addressOf, listen } from '../http/server.ts'
export { createApp } from './app.ts'
