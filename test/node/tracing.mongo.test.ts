/** A node in an application that has OpenTelemetry set up. */
import { trace } from '@opentelemetry/api'
import { expect, onTestFinished, test } from 'vitest'
import { nextEvent } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb } from '../support/mongo.ts'
import { type Loose, startNodes } from '../support/node.ts'
import { recordSpans } from '../support/spans.ts'

test('each run is a span, also where the SDK was set up after the node had started', async () => {
  const testDb = await openTestDb()
  onTestFinished(() => testDb.close())
  const active: unknown[] = []
  const tasks = { 'mail:digest': () => void active.push(trace.getActiveSpan()?.spanContext().spanId) }
  const nodes = await startNodes({ uri: testDb.uri, tasks })
  onTestFinished(() => nodes.close())
  const spans = recordSpans()
  const ip = nodes.ips[0] as string
  const ended = nextEvent(nodes.nodes, 'run.executed', { job_id: 'digest' })
  const job = aJob({ _id: 'digest', ip, func: 'mail:digest', run_at: [new Date(Date.now())] })
  await nodes.jobs.insertOne(job as unknown as Loose)
  const { run_id } = await ended
  expect(spans).toMatchObject([
    {
      name: 'run mail:digest',
      ended: true,
      attributes: {
        'tidewheel.job.id': 'digest',
        'tidewheel.run.id': run_id,
        'tidewheel.run.attempt': 1,
        'tidewheel.run.late_ms': expect.any(Number),
        'tidewheel.run.outcome': 'executed',
        'tidewheel.node.ip': ip,
      },
    },
  ])
  expect(active).toEqual([spans[0]?.id.spanId])
})
