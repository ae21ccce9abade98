/** Spans: as much of an OpenTelemetry SDK as tests need: it keeps the spans that were made, and what is active along promises.
 *  `recordSpans()` sets it up for the test that calls it; afterwards there is none again. */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  type Exception,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatus,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { onTestFinished } from 'vitest'

export interface KeptSpan {
  readonly name: string
  readonly attributes: Attributes
  readonly id: SpanContext
  /** Of the span in which it was made. */
  readonly parent: string | undefined
  status: SpanStatus
  readonly exceptions: Exception[]
  ended: boolean
}

export function recordSpans(): readonly KeptSpan[] {
  const spans: KeptSpan[] = []
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: keep, startActiveSpan: () => undefined as never }) })
  context.setGlobalContextManager(alongPromises())
  onTestFinished(() => {
    trace.disable()
    context.disable()
  })
  function keep(name: string, { attributes = {} }: SpanOptions = {}, within: Context = context.active()): Span {
    const parent = trace.getSpanContext(within)
    const id = {
      traceId: parent?.traceId ?? String(spans.length + 1).padStart(32, '0'),
      spanId: String(spans.length + 1).padStart(16, '0'),
      traceFlags: 1,
    }
    const span: KeptSpan = {
      name,
      attributes: { ...attributes },
      id,
      parent: parent?.spanId,
      status: { code: SpanStatusCode.UNSET },
      exceptions: [],
      ended: false,
    }
    spans.push(span)
    return handleOf(span)
  }
  return spans
}

function handleOf(kept: KeptSpan): Span {
  const chained = (act: () => void): Span => {
    act()
    return handle
  }
  const handle: Span = {
    spanContext: () => kept.id,
    setAttribute: (name, value) => chained(() => Object.assign(kept.attributes, { [name]: value })),
    setAttributes: more => chained(() => Object.assign(kept.attributes, more)),
    setStatus: status => chained(() => Object.assign(kept, { status })),
    recordException: exception => void kept.exceptions.push(exception),
    end: () => void Object.assign(kept, { ended: true }),
    isRecording: () => !kept.ended,
    updateName: name => chained(() => Object.assign(kept, { name })),
    addEvent: () => handle,
    addLink: () => handle,
    addLinks: () => handle,
  }
  return handle
}

function alongPromises(): ContextManager {
  const storage = new AsyncLocalStorage<Context>()
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, self, ...args) => storage.run(active, () => work.apply(self, args)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  }
  return manager
}
