import { expect, test } from 'vitest'
import { readTracingSettings } from './settings.ts'

function read(env: Record<string, string>) {
  const faults: string[] = []
  return { settings: readTracingSettings(env, faults), faults }
}
const at = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }

test.each([
  {},
  { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
  { OTEL_SERVICE_NAME: 'a', OTEL_TRACES_SAMPLER: 'always_on' },
  { ...at, OTEL_SDK_DISABLED: 'TRUE' },
  { ...at, OTEL_TRACES_EXPORTER: 'none' },
])('nothing is traced with %j', (env) => {
  expect(read(env)).toEqual({ settings: undefined, faults: [] })
})

test.each([
  [at, 'otlp'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://otel.example/v1/traces' }, 'otlp'],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'otlp'],
  [{ OTEL_TRACES_EXPORTER: 'console' }, 'console'],
] as const)('traces are on with %j', (env, exporter) => {
  const { settings, faults } = read(env)
  expect(faults).toEqual([])
  expect(settings).toMatchObject({
    exporter,
    sampler: { kind: 'always_on', isParentBased: true },
    batch: { maxQueueSize: 2048, maxExportBatchSize: 512 },
  })
})

test('what is wrong is told by name, all at once, and without the value', () => {
  const { faults } = read({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'secret@nowhere',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_BSP_MAX_QUEUE_SIZE: '0',
  })
  expect(faults).toHaveLength(4)
  expect(faults.join()).not.toContain('secret')
  expect(read({ OTEL_TRACES_EXPORTER: 'zipkin' }).faults).toEqual([
    'OTEL_TRACES_EXPORTER must be one of otlp, console, none.',
  ])
  expect(read({ ...at, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' }).faults).toHaveLength(1)
})

test('a sampler is read with its argument', () => {
  expect(
    read({ ...at, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }).settings?.sampler,
  ).toEqual({ kind: 'traceidratio', ratio: 0.25, isParentBased: true })
})
