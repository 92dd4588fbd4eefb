// OpenTelemetry's SDK, set up by hand and for ourselves: it is not registered for the process, so that no library makes spans
// of which nobody here knows what they say. See docs/adr/0015.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type TraceContext, traceContextIn } from '@gatehouse/shared'
import {
  type SpanContext as Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  type Link,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { ConsoleSpanExporter, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { createExporting, type ExportingOptions } from './exporting.ts'
import { createSampler } from './sampler.ts'
import type { TracingSettings } from './settings.ts'
import type { Span, SpanOptions, Tracer } from './span.ts'

export interface Sdk {
  readonly tracer: Tracer
  /** What waits leaves, as far as there is time. */
  close(): Promise<void>
}

export interface SdkOptions extends Pick<ExportingOptions, 'metrics' | 'log'> {
  /** Where OTEL_SERVICE_NAME does not say it. */
  readonly name: string
}

/** Milliseconds for what waits to leave in, at the end. */
const closeWithin = 1_500
/** Characters. */
const longestValue = 256

export function startSdk(settings: TracingSettings, { name, metrics, log }: SdkOptions): Sdk {
  const exporter: SpanExporter = settings.exporter === 'console' ? new ConsoleSpanExporter() : new OTLPTraceExporter()
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': name }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: createSampler(settings.sampler),
    spanLimits: { attributeValueLengthLimit: longestValue },
    spanProcessors: [createExporting({ exporter, batch: settings.batch, metrics, log })],
  })
  return {
    tracer: createTracer(provider),
    async close() {
      await Promise.race([provider.shutdown().catch(() => undefined), sleep(closeWithin, undefined, { ref: false })])
    },
  }
}

interface Started extends Span {
  readonly span: OtelSpan
  readonly isOver: boolean
}

function createTracer(provider: TracerProvider): Tracer {
  const otel = provider.getTracer('gatehouse')
  const storage = new AsyncLocalStorage<Started>()
  const active = (): Started | undefined => {
    const started = storage.getStore()
    return started?.isOver ? undefined : started
  }

  function parentOf({ parent }: SpanOptions) {
    if (parent && 'ours' in parent && parent.ours) {
      const context = read(parent.ours)
      // ours, as if it were of this process: its flag counts
      if (context) return trace.setSpanContext(ROOT_CONTEXT, { ...context, isRemote: false })
    }
    const now = active()?.span.spanContext()
    const given = parent && 'given' in parent ? read(parent.given) : undefined
    if (given) {
      // inside a request it is decided already
      const known = now && { ...given, traceFlags: now.traceFlags, isRemote: false }
      return trace.setSpanContext(ROOT_CONTEXT, known ?? given)
    }
    return now ? trace.setSpanContext(ROOT_CONTEXT, now) : ROOT_CONTEXT
  }

  function start(name: string, options: SpanOptions = {}): Started {
    const links = (options.links ?? []).map(linkTo).filter((link) => link !== undefined)
    const kind = options.kind && (options.kind === 'server' ? SpanKind.SERVER : SpanKind.CLIENT)
    const attributes = { ...options.attributes }
    const span = otel.startSpan(name, { ...(kind && { kind }), attributes, links }, parentOf(options))
    let [isOver, hasFailed] = [false, false]
    const started: Started = {
      span,
      get isOver() {
        return isOver
      },
      traceId: span.spanContext().traceId,
      context: write(span.spanContext()),
      rename: (name) => void span.updateName(name),
      set: (attributes) => void span.setAttributes({ ...attributes }),
      event: (name, attributes = {}) => void span.addEvent(name, { ...attributes }),
      link(context) {
        const link = linkTo(context)
        if (link) span.addLink(link)
      },
      fail(type) {
        if (hasFailed) return
        hasFailed = true
        span.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR })
      },
      end() {
        if (isOver) return
        isOver = true
        span.end()
      },
      run: (work) => storage.run(started, work),
    }
    return started
  }

  return { start, active }
}

const propagator = new W3CTraceContextPropagator()

function read(context: TraceContext | undefined): Context | undefined {
  const checked = traceContextIn(context)
  if (!checked) return undefined
  return trace.getSpanContext(propagator.extract(ROOT_CONTEXT, checked, defaultTextMapGetter))
}

function write(context: Context): TraceContext {
  const carrier: { traceparent?: string; tracestate?: string } = {}
  propagator.inject(trace.setSpanContext(ROOT_CONTEXT, context), carrier, defaultTextMapSetter)
  const flags = (context.traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')
  const traceparent = carrier.traceparent ?? `00-${context.traceId}-${context.spanId}-${flags}`
  return { traceparent, ...(carrier.tracestate && { tracestate: carrier.tracestate }) }
}

function linkTo(context: TraceContext | undefined): Link | undefined {
  const found = read(context)
  return found && { context: found }
}
