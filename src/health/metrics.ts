/** Metrics: what there is to measure, as Prometheus reads it.
 *  In: numbers that are counted anyway, looked at when somebody asks. Out: text. The library is loaded at the first question: it takes
 *  60 ms, and whoever never asks does not wait for it. */
import type { Metric, Registry } from 'prom-client'
import type { Histogram } from './histogram.ts'
import type { Requests } from './requests.ts'
import type { Runs } from './runs.ts'
import type { NodeStatus } from './status.ts'

export interface Measured {
  readonly requests: Requests
  /** How many listen to live events, how many were dropped. */
  readonly hub: { readonly clients: number; readonly dropped: number; readonly silentFor: number | undefined }
  /** Of the node of this process; undefined: there is none. */
  readonly runs: Runs | undefined
  readonly status: () => NodeStatus | undefined
}

type Labels = Readonly<Record<string, string | number>>

interface Sample {
  readonly value: number
  readonly labels?: Labels
  /** Where it is not the metric's own. */
  readonly metricName?: string
}

interface Row {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: () => readonly Sample[]
}

export class Metrics {
  readonly #rows: readonly Row[]
  #registry: Promise<Registry> | undefined

  constructor(measured: Measured) {
    this.#rows = rowsOf(measured)
  }

  async text(): Promise<{ readonly text: string; readonly type: string }> {
    this.#registry ??= registryOf(this.#rows)
    const registry = await this.#registry
    return { text: await registry.metrics(), type: registry.contentType }
  }
}

async function registryOf(rows: readonly Row[]): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import('prom-client')
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const { name, help, type, samples } of rows) {
    const get = async () => ({ name, help, type, values: samples(), aggregator: 'sum' })
    // Of a metric the registry asks no more than this.
    registry.registerMetric({ name, help, type, get, reset: () => {} } as unknown as Metric)
  }
  return registry
}

function rowsOf({ requests, hub, runs, status }: Measured): readonly Row[] {
  const gauge = (name: string, help: string, value: () => number | undefined): Row => ({
    name,
    help,
    type: 'gauge',
    samples: () => {
      const now = value()
      return now === undefined ? [] : [{ value: now }]
    },
  })
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1_000)
  const http: readonly Row[] = [
    {
      name: 'tidewheel_http_requests_total',
      help: 'Answers over HTTP, by route and status.',
      type: 'counter',
      samples: () =>
        [...requests.counts].flatMap(([route, counts]) =>
          [...counts].map(([code, value]) => ({ value, labels: { ...labelsOf(route), status: code } })),
        ),
    },
    {
      name: 'tidewheel_http_request_duration_seconds',
      help: 'Time until an answer began, by route.',
      type: 'histogram',
      samples: () =>
        [...requests.durations].flatMap(([route, durations]) =>
          samplesOf('tidewheel_http_request_duration_seconds', durations, labelsOf(route)),
        ),
    },
    gauge('tidewheel_live_clients', 'Who listens to live events.', () => hub.clients),
    {
      name: 'tidewheel_live_dropped_total',
      help: 'Who was dropped from live events because it did not read.',
      type: 'counter',
      samples: () => [{ value: hub.dropped }],
    },
    gauge('tidewheel_live_silent_seconds', 'Since when the stream of live events has heard nothing.', () =>
      seconds(hub.silentFor),
    ),
  ]
  if (runs === undefined) return http
  const histogram = (name: string, help: string, values: Histogram): Row => ({
    name,
    help,
    type: 'histogram',
    samples: () => samplesOf(name, values, {}),
  })
  return [
    ...http,
    {
      name: 'tidewheel_runs_total',
      help: 'Attempts of runs of this node that have ended, by status.',
      type: 'counter',
      samples: () => [...runs.ends].map(([end, value]) => ({ value, labels: { status: end } })),
    },
    histogram('tidewheel_run_late_seconds', 'How late runs began.', runs.late),
    histogram('tidewheel_run_duration_seconds', 'How long functions ran.', runs.durations),
    gauge('tidewheel_runs_going', 'Runs that go on.', () => status()?.running),
    gauge('tidewheel_claims_in_flight', 'Due runs that are being claimed.', () => status()?.claiming),
    gauge('tidewheel_claims_waiting_seconds', 'How long due runs have waited without any claim.', () =>
      seconds(status()?.claimingFor),
    ),
    gauge('tidewheel_jobs', 'Jobs of this node.', () => status()?.jobs),
    gauge(
      'tidewheel_jobs_armed',
      'Jobs of this node that wait for a time: the size of the wheel.',
      () => status()?.armed,
    ),
    gauge('tidewheel_stream_open', '1: the stream of changes is open.', () => {
      const stream = status()?.stream
      return stream === undefined ? undefined : Number(stream.open)
    }),
    gauge('tidewheel_stream_behind_seconds', 'By how much the stream of changes is behind the server.', () =>
      seconds(status()?.stream?.behind),
    ),
    gauge('tidewheel_lease_age_seconds', 'Since the last heartbeat that was acknowledged.', () =>
      seconds(status()?.lease?.age),
    ),
    gauge('tidewheel_lease_left_seconds', 'Until the lease ends.', () => seconds(status()?.lease?.left)),
    gauge('tidewheel_clock_offset_seconds', "By how much this clock is ahead of the server's.", () =>
      seconds(status()?.offset),
    ),
  ]
}

function labelsOf(route: string): Labels {
  const [method = '', path = ''] = route.split(' ')
  return { method, route: path }
}

function samplesOf(name: string, { bounds, below, count, sum }: Histogram, labels: Labels): readonly Sample[] {
  return [
    ...bounds.map((le, i) => ({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: below[i] as number })),
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
