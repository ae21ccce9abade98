/** Tracing: each run as a span of OpenTelemetry, where an application has set that up.
 *  In: what a span says, the work it stands for, and how that ended. Out: what the work gives, nothing else changes: where
 *  @opentelemetry/api is not there it is simply called. Within the work the span is the active one, so that a task's own are below it.
 *  Holds: each span begins a trace of its own, whatever was going on when the node was started; what fails in here fails no run. */
import type * as Api from '@opentelemetry/api'
import type { Failure } from './event.ts'
import { VERSION } from './version.ts'

/** What a span says. Of absent values it says nothing. */
export interface SpanFacts {
  readonly name: string
  readonly attributes: Readonly<Record<string, string | number>>
}

/** How its work ended. */
export interface SpanEnd {
  readonly attributes: Readonly<Record<string, string>>
  /** Absent: it is no failure. */
  readonly failure?: Failure | undefined
}

const NAME = 'tidewheel'

let api: typeof Api | undefined
let loading: Promise<void> | undefined

/** Looks for the API, once in a process. An SDK may be set up before or later. */
export function loadTracing(): Promise<void> {
  loading ??= import('@opentelemetry/api').then(
    loaded => {
      api = loaded
    },
    () => {},
  )
  return loading
}

/** Does the work within a span. `work` is called at once. */
export function traced<T>(facts: () => SpanFacts, work: () => Promise<T>, endOf: (value: T) => SpanEnd): Promise<T> {
  const span = api && isSetUp(api) ? quietly(() => begin(api as typeof Api, facts())) : undefined
  if (api === undefined || span === undefined) return work()
  const { context, ROOT_CONTEXT, trace } = api
  let begun: Promise<T> | undefined
  const start = () => {
    begun = work()
  }
  quietly(() => context.with(trace.setSpan(ROOT_CONTEXT, span), start))
  const done = begun ?? work()
  const end = (tellEnd: () => void) => {
    quietly(tellEnd)
    quietly(() => span.end())
  }
  void done.then(
    value => end(() => tell(span, endOf(value))),
    () => end(() => {}),
  )
  return done
}

/** Where a process that is started now belongs, as W3C writes it: `TRACEPARENT` and, if there is any, `TRACESTATE`. */
export function traceVariables(): Readonly<Record<string, string>> {
  const context = quietly(() => api?.trace.getActiveSpan()?.spanContext())
  if (api === undefined || context === undefined || !api.isSpanContextValid(context)) return {}
  const { traceId, spanId, traceFlags, traceState } = context
  const state = quietly(() => traceState?.serialize())
  return {
    TRACEPARENT: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
    ...(state && { TRACESTATE: state }),
  }
}

/** Whether anybody hears of spans: as long as no SDK is there, they lead nowhere. */
function isSetUp({ ProxyTracerProvider, trace }: typeof Api): boolean {
  const provider = trace.getTracerProvider()
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(NAME, VERSION) !== undefined
}

const begin = ({ ROOT_CONTEXT, SpanKind, trace }: typeof Api, { name, attributes }: SpanFacts): Api.Span =>
  trace.getTracer(NAME, VERSION).startSpan(name, { attributes, kind: SpanKind.INTERNAL }, ROOT_CONTEXT)

function tell(span: Api.Span, { attributes, failure }: SpanEnd): void {
  span.setAttributes(attributes)
  if (failure === undefined || api === undefined) return
  span.setAttribute('error.type', failure.name)
  span.recordException(failure)
  span.setStatus({ code: api.SpanStatusCode.ERROR, message: failure.message })
}

/** What an exporter or a sampler throws is not the run's business. */
function quietly<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
