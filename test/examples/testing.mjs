import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestNode } from 'tidewheel/testing'

test('the digest goes out at eight, also on the day when summer time begins', async t => {
  const sent = []
  const node = await createTestNode({
    at: '2027-03-26T12:00',
    timezone: 'Europe/Berlin',
    tasks: { digest: async run => sent.push(run.runTime.toISOString()) },
    jobs: [{ _id: 'digest', func: 'digest', trigger: { type: 'cron', hour: 8 } }],
  })
  t.after(() => node.close())
  await node.advanceTo('2027-03-28T08:00')
  assert.deepEqual(sent, ['2027-03-27T07:00:00.000Z', '2027-03-28T06:00:00.000Z'])
  for await (const row of node.history.list()) assert.equal(row.status, 'executed')
})
