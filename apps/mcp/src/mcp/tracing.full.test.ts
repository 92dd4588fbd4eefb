// Traces of the MCP server: from a client by way of the gateway to a server behind it, over each transport, in both eras.
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openTracing, readTracingSettings } from '@gatehouse/service'
import { type CollectedSpan, startOtlpCollector } from '@gatehouse/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { startFixture } from '../gateway/harness/fixture-upstream.ts'
import { gatewayEnv } from '../gateway/harness/gateway.ts'
import { remoteSettings, stdioSettings } from '../gateway/harness/settings.ts'
import type { Json } from '../gateway/upstreams/contract.ts'
import { answerOf, eras, requestOf, startMcpServer, type TestServer } from '../harness/mcp-server.ts'

const program = join(import.meta.dirname, '../gateway/harness/telling-server.ts')
const telling = stdioSettings([process.execPath, '--disable-warning=ExperimentalWarning', program], { name: 'telling' })
const [mine, parent] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
const traceparent = `00-${mine}-${parent}-01`

afterEach(() => vi.unstubAllEnvs())

async function trace() {
  const collector = await startOtlpCollector()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url)
  const log = { info: () => undefined, warn: () => undefined }
  const flush = await openTracing(readTracingSettings(process.env, []), { name: 'mcp', metrics: undefined, log })
  return {
    spans: async () => {
      await flush()
      return collector.spans
    },
    text: () => Buffer.concat(collector.bodies).toString('latin1'),
    [Symbol.asyncDispose]: async () => {
      await flush()
      await collector.close()
    },
  }
}

/** A server behind something that writes down what it is sent. */
async function recorded(kind: 'http 2025' | 'http 2026') {
  const fixture = await startFixture(kind)
  const target = (fixture.settings as { readonly url: string }).url
  const sent: { readonly headers: IncomingHttpHeaders; readonly body: Json }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    if (text) sent.push({ headers: request.headers, body: JSON.parse(text) })
    const { host: _h, connection: _c, 'content-length': _l, ...headers } = request.headers
    const answer = await fetch(target, {
      method: request.method ?? 'GET',
      headers: headers as Record<string, string>,
      ...(text && { body: text }),
    })
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    if (answer.body)
      Readable.fromWeb(answer.body as never)
        .on('error', () => response.destroy())
        .pipe(response)
    else response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    sent,
    settings: remoteSettings(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, { name: 'fixture' }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await fixture[Symbol.asyncDispose]()
    },
  }
}

async function ask(server: TestServer, era: (typeof eras)[number], params: Record<string, unknown>, more = {}) {
  const { _meta: theirs, ...rest } = params as Json
  const { message, headers } = requestOf(era, 'tools/call', rest)
  const { _meta: ours } = message.params as Json
  if (theirs) Object.assign(message.params, { _meta: { ...ours, ...theirs } })
  const token = await server.sign({ grant_id: 'a-grant', scope: 'mcp:tools:read mcp:tools:call' })
  const response = await server.post(message, { ...headers, ...more, authorization: `Bearer ${token}` })
  return (await answerOf(response)).result as Json
}

const named = (spans: readonly CollectedSpan[], name: string) => spans.filter((span) => span.name === name)

test.each(eras)('a call of %s is one trace with the request, and a command behind it is told of it', async (era) => {
  await using traced = await trace()
  await using server = await startMcpServer({ env: { ...gatewayEnv({ telling }), AUDIT_TO: 'stdout' } })
  const result = await ask(server, era, { name: 'tell', arguments: { a: 'a-secret-argument' } }, { traceparent })
  const told = JSON.parse(result.content[0].text)
  const call = told.messages
    .split('\n')
    .map((line: string) => JSON.parse(line))
    .find(({ method }: Json) => method === 'tools/call')
  await server.app.close()
  const spans = await traced.spans()
  const [request] = named(spans, 'POST /mcp')
  const [operation, upstream] = ['server', 'client'].map((kind) =>
    named(spans, 'tools/call tell').find((span) => span.kind === kind),
  )
  expect(request).toMatchObject({ traceId: mine, parentId: parent, kind: 'server' })
  expect(operation).toMatchObject({
    traceId: mine,
    parentId: request?.spanId,
    attributes: {
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'tell',
      'gatehouse.grant_id': 'a-grant',
      'gatehouse.decision': 'allow',
      'gatehouse.outcome': 'ok',
      'gatehouse.upstream': 'telling',
    },
  })
  expect(upstream).toMatchObject({
    traceId: mine,
    parentId: operation?.spanId,
    attributes: { 'gatehouse.upstream': 'telling', 'gen_ai.tool.name': 'tell' },
  })
  expect(call.params._meta.traceparent).toBe(`00-${mine}-${upstream?.spanId}-01`)
  // how the connection was made is there, too, and below
  expect(named(spans, 'initialize')[0]).toMatchObject({ traceId: mine, kind: 'client' })
  const lines = server.log.filter((line) => line.startsWith('{"audit":')).map((line) => JSON.parse(line))
  expect(lines.find(({ tool }) => tool === 'tell')).toMatchObject({ trace: mine, grant: 'a-grant' })
  expect(traced.text()).not.toContain('a-secret-argument')
})

test.each([
  ['2025-11-25', 'http 2025'],
  ['2025-11-25', 'http 2026'],
  ['2026-07-28', 'http 2025'],
  ['2026-07-28', 'http 2026'],
] as const)('a client of %s names its trace in `_meta`; over %s a header goes with ours', async (era, kind) => {
  await using traced = await trace()
  await using fixture = await recorded(kind)
  await using server = await startMcpServer({ env: gatewayEnv({ fixture: fixture.settings }) })
  const _meta = { traceparent, tracestate: 'theirs=1', baggage: 'user=ada' }
  const result = await ask(server, era, { name: 'test_simple_text', arguments: {}, _meta })
  expect(result.isError).not.toBe(true)
  await server.app.close()
  const spans = await traced.spans()
  const [request] = named(spans, 'POST /mcp')
  const [operation, upstream] = ['server', 'client'].map((side) =>
    named(spans, 'tools/call test_simple_text').find((span) => span.kind === side),
  )
  expect(request?.traceId).not.toBe(mine)
  expect(operation).toMatchObject({
    traceId: mine,
    parentId: parent,
    links: [{ traceId: request?.traceId, spanId: request?.spanId }],
  })
  expect(upstream).toMatchObject({ traceId: mine, parentId: operation?.spanId })
  const call = fixture.sent.find(({ body }) => body.method === 'tools/call')
  const ours = { traceparent: `00-${mine}-${upstream?.spanId}-01`, tracestate: 'theirs=1' }
  expect(call?.headers).toMatchObject(ours)
  expect(call?.body.params._meta).toMatchObject({ ...ours, baggage: 'user=ada' })
})

test.each(eras)(
  'without traces what a client of %s names passes as it came, and no header is made of it',
  async (era) => {
    await using fixture = await recorded('http 2025')
    await using server = await startMcpServer({ env: gatewayEnv({ fixture: fixture.settings }) })
    const context = { traceparent: 'whatever', tracestate: 'theirs=1', baggage: 'user=ada' }
    await ask(server, era, { name: 'test_simple_text', arguments: {}, _meta: context })
    const call = fixture.sent.find(({ body }) => body.method === 'tools/call')
    expect(call?.body.params._meta).toMatchObject(context)
    expect(call?.headers).not.toHaveProperty('traceparent')
  },
)

test.each(eras)('an error of a tool, a refusal and a server that is away are told by codes (%s)', async (era) => {
  await using traced = await trace()
  await using fixture = await recorded('http 2025')
  const away = remoteSettings('http://127.0.0.1:9/mcp', { name: 'away' })
  await using server = await startMcpServer({ env: gatewayEnv({ fixture: fixture.settings, away }) })
  await ask(server, era, { name: 'fixture__test_error_handling', arguments: {} })
  await ask(server, era, { name: 'fixture__nothing', arguments: {} })
  const { message, headers } = requestOf(era, 'tools/call', { name: 'fixture__test_simple_text', arguments: {} })
  const token = await server.sign({ scope: 'mcp:tools:read' })
  expect((await server.post(message, { ...headers, authorization: `Bearer ${token}` })).status).toBe(403)
  await server.post(message, { ...headers, authorization: 'Bearer nothing' })
  await server.app.close()
  const spans = await traced.spans()
  const failed = (name: string) =>
    named(spans, name).map(({ kind, hasFailed, attributes }) => [kind, hasFailed, attributes['error.type']])
  expect(failed('tools/call fixture__test_error_handling')).toEqual([['server', true, 'tool_error']])
  expect(failed('tools/call test_error_handling')).toEqual([['client', true, 'tool_error']])
  expect(failed('tools/call fixture__nothing')).toEqual([['server', true, '-32602']])
  expect(failed('tools/call fixture__test_simple_text')).toEqual([['server', true, 'insufficient_scope']])
  // who is not let in has a request, and no operation
  expect(named(spans, 'POST /mcp').map(({ attributes }) => attributes['http.response.status_code'])).toContain(401)
  expect(spans.some(({ attributes, hasFailed }) => attributes['gatehouse.upstream'] === 'away' && hasFailed)).toBe(true)
})
