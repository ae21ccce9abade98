/** The clock that tests move by hand; it is the one users get. */
export { FakeClock } from '../../src/fake-clock.ts'
