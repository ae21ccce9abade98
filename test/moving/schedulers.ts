/** What `getJobSchedulers()` of BullMQ 6.7 answered on a Redis 7.0, word for word. */
import type { BullmqScheduler } from '../../src/moving/bullmq.ts'

export const RECORDED: readonly BullmqScheduler[] = [
  {
    key: 'later',
    name: 'x',
    next: 1795765151094,
    iterationCount: 1,
    startDate: 1795765151094,
    every: 3600000,
    offset: 2351094,
    template: { data: [1, 2] },
  },
  {
    key: 'nightly',
    name: 'report',
    next: 1795745700000,
    iterationCount: 1,
    limit: 10,
    endDate: 1893456000000,
    tz: 'Europe/Berlin',
    pattern: '0 15 3 * * *',
    offset: 0,
    template: { data: { to: ['a@b.c'] } },
  },
  { key: 'offset', name: 'tock', next: 1795678807000, iterationCount: 1, every: 60000, offset: 7000 },
  { key: 'bare', name: 'bare', next: 1795678800000, iterationCount: 1, pattern: '*/5 * * * *', offset: 0 },
  {
    key: 'every-5s',
    name: 'tick',
    next: 1795678751023,
    iterationCount: 1,
    every: 5000,
    offset: 1023,
    template: { data: { a: 1 }, opts: { backoff: { delay: 1000, type: 'exponential' }, attempts: 3 } },
  },
]
