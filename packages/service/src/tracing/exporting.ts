// Spans on their way out: a queue with an end, which no request waits for. What has no room, or does not arrive, is dropped
// and counted; that it does is told in the log once, and again when it is over.
import { ExportResultCode } from '@opentelemetry/core'
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace'
import type { Metrics } from '../metrics.ts'
import type { TracingSettings } from './settings.ts'

export interface ExportingOptions {
  readonly exporter: SpanExporter
  readonly batch: TracingSettings['batch']
  readonly metrics: Metrics | undefined
  readonly log: {
    info(details: object, message: string): void
    warn(details: object, message: string): void
  }
}

export function createExporting({ exporter, batch, metrics, log }: ExportingOptions): SpanProcessor {
  const spans = metrics?.counter('gatehouse_spans_total', 'Spans: exported, dropped for want of room, or failed.', [
    'result',
  ])
  let waiting = 0
  let lost = 0
  const lose = (result: 'dropped' | 'failed', more: number, reason: string): void => {
    spans?.({ result }, more)
    if (lost === 0) log.warn({ reason }, 'spans cannot be exported: some are dropped')
    lost += more
  }

  const counted: SpanExporter = {
    export(batch, done) {
      waiting -= batch.length
      exporter.export(batch, (result) => {
        if (result.code !== ExportResultCode.SUCCESS) lose('failed', batch.length, reasonOf(result.error))
        else {
          spans?.({ result: 'exported' }, batch.length)
          if (lost > 0) log.info({ dropped: lost }, 'spans are exported again')
          lost = 0
        }
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
  const processor = new BatchSpanProcessor({ exporter: counted, ...batch })

  return {
    onStart: () => undefined,
    onEnd(span: ReadableSpan) {
      if (waiting >= batch.maxQueueSize) return lose('dropped', 1, 'there is no room for more')
      waiting += 1
      processor.onEnd(span)
    },
    forceFlush: () => processor.forceFlush(),
    shutdown: () => processor.shutdown(),
  }
}

/** Not the message: it may have an address with a password. */
function reasonOf(error: (Error & { code?: unknown }) | undefined): string {
  return String(error?.code ?? error?.name ?? 'unknown')
}
