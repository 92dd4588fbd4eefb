import { traceContextIn } from '@gatehouse/shared'
import { startOtlpCollector, startTestRedis } from '@gatehouse/testing'
import { fastify } from 'fastify'
import { afterEach, expect, test, vi } from 'vitest'
import { createMetrics } from '../metrics.ts'
import { registerHealth } from '../process/health.ts'
import { logOptions } from '../process/log-options.ts'
import { openRedisConnection } from '../redis-connection.ts'
import {
  activeSpan,
  inSpan,
  isTracing,
  openTracing,
  readTracingSettings,
  requestTracing,
  traceRequests,
} from './index.ts'

const stranger = '0af7651916cd43dd8448eb211c80319c'
const sampled = `00-${stranger}-b7ad6b7169203331-01`
const unsampled = `00-${stranger}-b7ad6b7169203331-00`

afterEach(() => vi.unstubAllEnvs())

/** Tracing to a collector of its own. `flush` ends it. */
async function trace(env: Record<string, string> = {}) {
  const collector = await startOtlpCollector()
  const all = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env }
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value)
  const metrics = createMetrics({ ofProcess: false })
  const told: string[] = []
  const log = {
    info: (_: object, message: string) => void told.push(message),
    warn: (_: object, message: string) => void told.push(message),
  }
  const faults: string[] = []
  const flush = await openTracing(readTracingSettings(process.env, faults), { name: 'gatehouse-test', metrics, log })
  expect(faults).toEqual([])
  return {
    collector,
    told,
    flush,
    count: async (result: string) =>
      Number(
        new RegExp(`gatehouse_spans_total{result="${result}"} (\\d+)`).exec((await metrics.read()).text)?.[1] ?? 0,
      ),
    [Symbol.asyncDispose]: async () => {
      await flush()
      await collector.close()
    },
  }
}

async function service() {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const app = fastify({ logger: { ...logOptions('info'), stream }, ...requestTracing() })
  traceRequests(app)
  registerHealth(app, { whyNotReady: () => undefined, retryAfter: 1, drain: 0 })
  app.get('/things/:id', async (request) => {
    request.log.info('by the request')
    await new Promise((resolve) => setImmediate(resolve))
    app.log.info('by the app')
    return inSpan('work', { attributes: { 'gatehouse.part': 'one' } }, async () => activeSpan()?.context ?? {})
  })
  app.get('/fault', async () => {
    throw new Error('a defect')
  })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, lines, address, [Symbol.asyncDispose]: async () => app.close() }
}

test('without the variables nothing is traced, and nothing of it is loaded or said', async () => {
  const log = { info: () => undefined, warn: () => undefined }
  await openTracing(readTracingSettings({}, []), { name: 'gatehouse-test', metrics: undefined, log })
  expect(isTracing()).toBe(false)
  expect(requestTracing()).toEqual({})
  await using on = await service()
  const answer = await fetch(`${on.address}/things/1`, { headers: { traceparent: sampled } })
  expect(await answer.json()).toEqual({})
  expect(on.lines.length).toBeGreaterThan(3)
  expect(on.lines.filter((line) => 'trace_id' in line)).toEqual([])
})

test('a request has one span, by its route; what is done for it is below, and each line of the log has its id', async () => {
  await using traced = await trace()
  await using on = await service()
  const answer = await fetch(`${on.address}/things/secret-id?code=secret-code`, {
    headers: { authorization: 'Bearer secret-token', cookie: 'a=secret-cookie' },
  })
  const { traceparent } = (await answer.json()) as { traceparent: string }
  await on.app.close()
  await traced.flush()
  const [request, work] = ['GET /things/:id', 'work'].map((name) =>
    traced.collector.spans.find((span) => span.name === name),
  )
  expect(request).toMatchObject({
    service: 'gatehouse-test',
    kind: 'server',
    parentId: undefined,
    hasFailed: false,
    attributes: { 'http.request.method': 'GET', 'http.route': '/things/:id', 'http.response.status_code': 200 },
  })
  expect(work).toMatchObject({ traceId: request?.traceId, parentId: request?.spanId })
  expect(traceparent).toBe(`00-${work?.traceId}-${work?.spanId}-01`)
  const texts = ['incoming request', 'by the request', 'by the app', 'request completed']
  for (const text of texts) {
    expect(
      on.lines.find(({ msg }) => msg === text),
      text,
    ).toMatchObject({ trace_id: request?.traceId })
  }
  expect(Buffer.concat(traced.collector.bodies).includes('secret')).toBe(false)
  expect(traced.collector.headers[0]?.['content-type']).toBe('application/x-protobuf')
})

test('a probe has no span, a defect is told by its status, and a path that nobody has by the method', async () => {
  await using traced = await trace({ OTEL_SERVICE_NAME: 'mine', OTEL_RESOURCE_ATTRIBUTES: 'deployment=here' })
  await using on = await service()
  for (const path of ['/livez', '/readyz', '/fault', '/nowhere/secret']) await fetch(`${on.address}${path}`)
  await on.app.close()
  await traced.flush()
  const names = traced.collector.spans.map(({ name, hasFailed, service }) => [name, hasFailed, service])
  expect(names).toEqual([
    ['GET /fault', true, 'mine'],
    ['GET', false, 'mine'],
  ])
  expect(traced.collector.spans[0]?.attributes).toMatchObject({ 'error.type': '500' })
})

test.each([
  // sampler, argument, what the stranger says, whether it is recorded
  ['parentbased_always_on', '', sampled, true],
  ['parentbased_always_on', '', unsampled, false],
  ['always_on', '', unsampled, true],
  ['parentbased_always_off', '', sampled, false],
  ['parentbased_traceidratio', '0', sampled, false],
  ['traceidratio', '0', sampled, false],
  ['traceidratio', '1', unsampled, true],
])('with %s %s a stranger who sends %s is recorded: %s', async (sampler, argument, traceparent, isRecorded) => {
  await using traced = await trace({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument })
  await using on = await service()
  const answer = await fetch(`${on.address}/things/1`, { headers: { traceparent, tracestate: 'a=b' } })
  const context = (await answer.json()) as { traceparent: string; tracestate: string }
  await on.app.close()
  await traced.flush()
  const found = traced.collector.spans.map(({ traceId, parentId }) => [traceId, parentId])
  // the trace goes on in any case
  expect(context.traceparent).toMatch(new RegExp(`^00-${stranger}-[0-9a-f]{16}-0${isRecorded ? 1 : 0}$`))
  expect(context.tracestate).toBe('a=b')
  expect(found).toHaveLength(isRecorded ? 2 : 0)
  if (isRecorded) expect(found).toContainEqual([stranger, 'b7ad6b7169203331'])
})

test('a stranger cannot choose a trace id by which everything is recorded', async () => {
  // below any ratio
  const traceparent = `00-${'0'.repeat(31)}1-b7ad6b7169203331-01`
  await using traced = await trace({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.000001' })
  for (let each = 0; each < 100; each += 1)
    await inSpan('asked', { kind: 'server', parent: { given: { traceparent } } }, async () => undefined)
  await traced.flush()
  expect(traced.collector.spans.length).toBeLessThan(5)
})

test.each(['', 'x', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `${sampled}, ${sampled}`, 'ff'.repeat(5_000)])(
  'what is no trace context begins a trace of its own: %#',
  async (traceparent) => {
    await using traced = await trace()
    const id = await inSpan(
      'asked',
      { parent: { given: traceContextIn({ traceparent }) } },
      async (span) => span?.traceId,
    )
    await traced.flush()
    expect(id).toMatch(/^[0-9a-f]{32}$/)
    expect(traced.collector.spans[0]).toMatchObject({ traceId: id, parentId: undefined })
  },
)

test('what a request begins and leaves behind is no part of it', async () => {
  await using traced = await trace()
  const { promise, resolve } = Promise.withResolvers<void>()
  const late = await inSpan('request', {}, async () => ({ after: promise.then(() => activeSpan()) }))
  resolve()
  expect(await late.after).toBeUndefined()
  await traced.flush()
  expect(traced.collector.spans).toHaveLength(1)
})

test('what throws is told by its code, and never by its message', async () => {
  await using traced = await trace()
  const error = Object.assign(new Error('with a secret'), { code: 'busy' })
  await expect(inSpan('work', {}, () => Promise.reject(error))).rejects.toBe(error)
  await traced.flush()
  expect(traced.collector.spans[0]).toMatchObject({ hasFailed: true, attributes: { 'error.type': 'busy' } })
  expect(Buffer.concat(traced.collector.bodies).includes('secret')).toBe(false)
})

test('commands to Redis are spans of what they are for, by their names alone', async () => {
  await using traced = await trace()
  await using redis = await startTestRedis()
  const connection = openRedisConnection({ connection: redis.url }, {})
  await expect
    .poll(() =>
      connection.ping().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
  const key = `${redis.url.length}-secret-key`
  const work = (name: string) =>
    inSpan(name, {}, () => connection.write((commands) => commands.set(key, 'secret-value', 'PX', 1_000)))
  // at the same moment: each has its own
  await Promise.all([work('one'), work('other')])
  await connection.write((commands) => commands.set(key, 'secret-value', 'PX', 1_000))
  await inSpan('third', {}, () => connection.write((commands) => commands.lpush(key, 'secret-value'))).catch(() => 0)
  await connection.close()
  await traced.flush()
  const { spans } = traced.collector
  const id = (name: string) => spans.find((span) => span.name === name)?.spanId
  const commands = spans.filter(({ kind }) => kind === 'client')
  expect(commands.map(({ name, parentId, hasFailed }) => [name, parentId, hasFailed])).toEqual(
    expect.arrayContaining([
      ['SET', id('one'), false],
      ['SET', id('other'), false],
      ['LPUSH', id('third'), true],
    ]),
  )
  expect(commands).toHaveLength(3)
  expect(commands.find(({ name }) => name === 'LPUSH')?.attributes).toMatchObject({ 'error.type': 'WRONGTYPE' })
  expect(Buffer.concat(traced.collector.bodies).includes('secret')).toBe(false)
})

test('a collector that is away costs spans, which are counted and told once, and no request', async () => {
  await using traced = await trace({
    OTEL_BSP_MAX_QUEUE_SIZE: '10',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
    OTEL_BSP_SCHEDULE_DELAY: '1',
    OTEL_EXPORTER_OTLP_TIMEOUT: '100',
  })
  traced.collector.answer(400)
  for (let each = 0; each < 50; each += 1) await inSpan('work', {}, async () => undefined)
  await expect.poll(() => traced.count('failed')).toBeGreaterThan(0)
  await expect.poll(async () => (await traced.count('failed')) + (await traced.count('dropped'))).toBe(50)
  expect(traced.told).toEqual(['spans cannot be exported: some are dropped'])
  traced.collector.answer(200)
  await inSpan('work', {}, async () => undefined)
  await expect.poll(() => traced.count('exported')).toBe(1)
  expect(traced.told.at(-1)).toBe('spans are exported again')
})

test('a collector that says nothing does not hold up the end', async () => {
  await using traced = await trace()
  traced.collector.answer(undefined)
  await inSpan('work', {}, async () => undefined)
  await traced.flush()
  expect(traced.collector.spans).toEqual([])
  expect(isTracing()).toBe(false)
})
