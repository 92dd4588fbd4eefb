// The standard variables of OpenTelemetry, as far as they are ours to read. What the exporter and the resource read for
// themselves (headers, timeouts, certificates, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) is not looked at here.
import type { Environment } from '@gatehouse/shared'

export const samplers = ['always_on', 'always_off', 'traceidratio'] as const

export interface TracingSettings {
  readonly exporter: 'otlp' | 'console'
  readonly sampler: {
    readonly kind: (typeof samplers)[number]
    /** Of all traces, from 0 to 1. */
    readonly ratio: number
    /** Whether nothing is recorded for a caller who says that nothing is recorded. */
    readonly isParentBased: boolean
  }
  /** Spans, and milliseconds. */
  readonly batch: {
    readonly maxQueueSize: number
    readonly maxExportBatchSize: number
    readonly scheduledDelayMillis: number
    readonly exportTimeoutMillis: number
  }
}

const endpoints = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] as const
const protocols = ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] as const
const most = 1_000_000

/** Undefined: nothing is traced. No value enters a fault: an address may have a password in it. */
export function readTracingSettings(env: Environment, faults: string[]): TracingSettings | undefined {
  const read = (name: string): string | undefined => env[name]?.trim() || undefined
  if (read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined
  const isPointed = endpoints.some((name) => read(name) !== undefined)
  const exporter = read('OTEL_TRACES_EXPORTER') ?? (isPointed ? 'otlp' : 'none')
  if (exporter === 'none') return undefined
  if (exporter !== 'otlp' && exporter !== 'console') {
    faults.push('OTEL_TRACES_EXPORTER must be one of otlp, console, none.')
    return undefined
  }
  if (exporter === 'otlp') {
    for (const name of endpoints) {
      const value = read(name)
      if (value !== undefined && !/^https?:$/.test(URL.parse(value)?.protocol ?? ''))
        faults.push(`${name} must be an http or https URL, such as http://localhost:4318.`)
    }
    for (const name of protocols) {
      if (!['http/protobuf', undefined].includes(read(name)))
        faults.push(`${name} must be http/protobuf: no other one is spoken here. Its port is 4318 as a rule.`)
    }
  }

  function count(name: string, fallback: number): number {
    const value = Number(read(name) ?? fallback)
    if (Number.isInteger(value) && value > 0 && value <= most) return value
    faults.push(`${name} must be a whole number from 1 to ${most}.`)
    return fallback
  }

  const maxQueueSize = count('OTEL_BSP_MAX_QUEUE_SIZE', 2_048)
  return {
    exporter,
    sampler: readSampler(read, faults),
    batch: {
      maxQueueSize,
      maxExportBatchSize: Math.min(count('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512), maxQueueSize),
      scheduledDelayMillis: count('OTEL_BSP_SCHEDULE_DELAY', 5_000),
      exportTimeoutMillis: count('OTEL_BSP_EXPORT_TIMEOUT', 30_000),
    },
  }
}

function readSampler(read: (name: string) => string | undefined, faults: string[]): TracingSettings['sampler'] {
  const name = read('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on'
  const isParentBased = name.startsWith('parentbased_')
  const kind = samplers.find((each) => each === name.replace('parentbased_', ''))
  if (kind === undefined) {
    const all = samplers.flatMap((each) => [each, `parentbased_${each}`])
    faults.push(`OTEL_TRACES_SAMPLER must be one of ${all.join(', ')}.`)
  }
  const ratio = Number(read('OTEL_TRACES_SAMPLER_ARG') ?? 1)
  const isRatio = ratio >= 0 && ratio <= 1
  if (kind === 'traceidratio' && !isRatio) faults.push('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1.')
  return { kind: kind ?? 'always_on', ratio: isRatio ? ratio : 1, isParentBased }
}
