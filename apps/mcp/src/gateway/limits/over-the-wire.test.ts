// Limits as clients meet them: of both eras, by their SDKs, in one process and over two replicas.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMetrics } from '@gatehouse/service'
import { type AuditLine, auditLine } from '@gatehouse/shared'
import { startTestRedis } from '@gatehouse/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { type FileContent, startWithFile } from '../../harness/gateway-file.ts'
import { answerOf, eras, requestOf, type TestServerOptions } from '../../harness/mcp-server.ts'
import { startReplicas } from '../../harness/replicas.ts'
import { startFixture } from '../harness/fixture-upstream.ts'
import { gatewayEnv } from '../harness/gateway.ts'
import { startLedgerServer } from '../harness/ledger-server.ts'
import { clientNames, connectClient } from '../harness/matrix-clients.ts'
import { remoteSettings } from '../harness/settings.ts'
import type { RemoteUpstream } from '../settings.ts'
import type { Members } from '../upstreams/contract.ts'

afterEach(() => vi.useRealTimers())

/** Time stands still, and goes on when the test says so: that of the limits, and of the tokens. */
function stopTheClock(): (milliseconds: number) => void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  return (milliseconds) => vi.setSystemTime(Date.now() + milliseconds)
}

interface Given extends Omit<Partial<FileContent>, 'limits'> {
  readonly limits: object
  readonly options?: TestServerOptions
}

/** Two endpoints, one server that writes down what it is asked behind both, and another one behind the first. */
async function startLimited({ limits, options, ...given }: Given) {
  const ledger = await startLedgerServer()
  const other = await startLedgerServer()
  const content = (next: object) => ({
    endpoints: { '/mcp': ['ledger', 'other'], '/alone': ['ledger'] },
    upstreams: { ledger: { url: ledger.url }, other: { url: other.url } },
    ...given,
    limits: next,
  })
  const server = await startWithFile(content(limits), options)
  return {
    server,
    ledger,
    write(next: object) {
      server.file.write(content(next))
      server.reload()
    },
    async ask(
      era: (typeof eras)[number],
      method: string,
      params: Record<string, unknown> = {},
      { sub = 'dev:ada', client = 'app' } = {},
    ) {
      const { message, headers } = requestOf(era, method, params)
      const named = era === '2026-07-28' && typeof params.uri === 'string' ? { 'mcp-name': params.uri } : {}
      const token = await server.sign({ aud: server.at('/mcp'), sub, client_id: client })
      const response = await server.post(message, { ...headers, ...named, authorization: `Bearer ${token}` })
      return { status: response.status, headers: response.headers, body: await answerOf(response) }
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await ledger[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
    },
  }
}

const transfer = { name: 'ledger__transfer', arguments: {} }

test.each(eras)('one request too many is 429, says when to try again, and reaches no server (%s)', async (era) => {
  const advance = stopTheClock()
  await using limited = await startLimited({ limits: { caller: '3/min', client: '4/min' } })
  const { ask, ledger } = limited
  // what counts, whatever comes of it
  expect((await ask(era, 'tools/call', transfer)).body.result).toBeDefined()
  expect((await ask(era, 'tools/call', { name: 'nothing' })).body.error.message).toContain('not found')
  expect((await ask(era, 'prompts/get', { name: 'ledger__review' })).body.result).toBeDefined()
  advance(20_500)
  const before = ledger.asked.length
  for (const [method, params] of [
    ['tools/call', transfer],
    ['prompts/get', { name: 'ledger__review' }],
    ['resources/read', { uri: 'ledger://public/a' }],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'ledger__review' }, argument: { name: 'a', value: '' } },
    ],
    ['com.example/odd', {}],
  ] as const) {
    const { status, headers, body } = await ask(era, method, params)
    expect([status, headers.get('retry-after'), headers.get('cache-control')], method).toEqual([429, '40', 'no-store'])
    expect(body).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: {
        code: -32_000,
        message: 'You may ask 3 times a minute: try again in 40 s',
        data: { reason: 'caller_limit', retryAfter: 40 },
      },
    })
  }
  expect(ledger.asked.length).toBe(before)
  // what keeps a client connected, and what it knows
  for (const method of ['ping', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])
    expect((await ask(era, method)).status, method).not.toBe(429)
  // the same person by another app is the same caller; another one by the same app has what is left of the app's
  expect((await ask(era, 'tools/call', transfer, { client: 'other' })).status).toBe(429)
  expect((await ask(era, 'tools/call', transfer, { sub: 'dev:bob' })).status).toBe(200)
  const last = await ask(era, 'tools/call', transfer, { sub: 'dev:cat' })
  expect([last.status, last.body.error.data.reason]).toEqual([429, 'client_limit'])
  advance(39_500)
  expect((await ask(era, 'tools/call', transfer)).status).toBe(200)
})

test.each(eras)(
  'a call of a tool too many is an answer that a model can act on, and reaches no server (%s)',
  async (era) => {
    const advance = stopTheClock()
    await using limited = await startLimited({
      limits: { tool: { 'ledger/transfer': '2/min', 'ledger/get_*': '1/h' } },
    })
    const { ask, ledger, server } = limited
    const textOf = async (name: string, sub?: string) => {
      const { status, body } = await ask(era, 'tools/call', { name, arguments: {} }, { ...(sub && { sub }) })
      return `${status} ${body.result.isError === true} ${body.result.content[0].text}`
    }
    expect(await textOf('ledger__transfer')).toBe('200 false did transfer')
    // at another endpoint, where it has another name
    const { message, headers } = requestOf(era, 'tools/call', { name: 'transfer', arguments: {} })
    const token = await server.sign({ aud: server.at('/alone'), sub: 'dev:ada', client_id: 'app' })
    const there = await fetch(server.at('/alone'), {
      method: 'POST',
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(message),
    })
    expect((await answerOf(there)).result.content[0].text).toBe('did transfer')
    advance(40_000)
    expect(await textOf('ledger__transfer')).toBe(
      '200 true ledger__transfer may be called 2 times a minute: try again in 20 s',
    )
    expect(ledger.asked).toHaveLength(2)
    expect(await textOf('other__transfer')).toBe('200 false did transfer')
    expect(await textOf('ledger__transfer', 'dev:bob')).toBe('200 false did transfer')
    expect(await textOf('ledger__get_account')).toBe('200 false did get_account')
    expect(await textOf('ledger__get_account')).toBe(
      '200 true ledger__get_account may be called once an hour, together with other tools: try again in 3600 s',
    )
    advance(20_000)
    expect(await textOf('ledger__transfer')).toBe('200 false did transfer')
  },
)

test.each(eras)(
  'a call that a rule denies uses up nothing of the tool’s limit, and counts for the caller (%s)',
  async (era) => {
    await using limited = await startLimited({
      rules: [{ tools: ['ledger/transfer'], when: 'args.amount <= 10' }],
      limits: { caller: '5/h', tool: { 'ledger/*': '2/h' } },
    })
    const { ask, ledger } = limited
    const pay = async (amount: number) => (await ask(era, 'tools/call', { ...transfer, arguments: { amount } })).body
    for (let time = 0; time < 2; time += 1) expect((await pay(11)).error.message).toContain('not found')
    expect([(await pay(1)).result.isError, (await pay(1)).result.isError]).toEqual([undefined, undefined])
    expect((await pay(1)).result.isError).toBe(true)
    expect((await pay(11)).error.data).toMatchObject({ reason: 'caller_limit' })
    expect(ledger.asked).toHaveLength(2)
  },
)

test.each(clientNames)('%s goes on in the same session once the window has ended', async (name) => {
  const advance = stopTheClock()
  await using limited = await startLimited({ limits: { caller: '2/min', tool: { 'ledger/transfer': '1/min' } } })
  const { server } = limited
  await using client = await connectClient(name, {
    ...server,
    resource: server.at('/mcp'),
    sign: () => server.sign({ aud: server.at('/mcp') }),
  })
  const call = async () => (await client.request('tools/call', transfer)) as Members
  expect((await call()).isError).toBeUndefined()
  expect(JSON.stringify((await call()).content)).toContain('ledger__transfer may be called once a minute: try again in')
  await expect(call()).rejects.toThrow(/429|You may ask 2 times a minute/)
  expect((await client.request('tools/list')).tools).toHaveLength(6)
  advance(60_001)
  expect((await call()).isError).toBeUndefined()
})

test.each(['http 2025', 'http 2026'] as const)(
  'a call that was asked something and goes on is one call (%s)',
  async (kind) => {
    await using fixture = await startFixture(kind)
    const name = 'test_input_required_result_elicitation'
    const tool = kind === 'http 2026' ? name : 'test_elicitation'
    await using limited = await startLimited({
      endpoints: { '/mcp': ['fixture'] },
      upstreams: { fixture: { url: (fixture.settings as RemoteUpstream).url } },
      limits: { caller: '2/h', tool: { 'fixture/*': '1/h' } },
    })
    const { server } = limited
    const authorization = `Bearer ${await server.sign({ aud: server.at('/mcp') })}`
    const ask = async (more: Members = {}) => {
      const { message, headers } = requestOf('2026-07-28', 'tools/call', {
        name: tool,
        arguments: { message: 'who' },
        ...more,
      })
      const capabilities = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } }
      const params = { ...message.params, _meta: { ...(message.params as Members)._meta, ...capabilities } }
      const response = await server.post({ ...message, params }, { ...headers, authorization })
      return { status: response.status, body: await answerOf(response) }
    }
    const first = await ask()
    const { requestState, inputRequests, resultType } = first.body.result
    expect(resultType).toBe('input_required')
    const answer = { action: 'accept', content: { name: 'Ada', username: 'ada', email: 'a@example.com' } }
    const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, answer]))
    const second = await ask({ requestState, inputResponses })
    expect(second.body.result, JSON.stringify(second.body)).toMatchObject({ content: expect.anything() })
    expect(second.body.result.isError).not.toBe(true)
    // brought back again it is another call
    const again = await ask({ requestState, inputResponses })
    expect(again.body.result?.content[0].text ?? again.body.error.message).toMatch(/may be called once an hour/)
    expect((await ask({ requestState, inputResponses })).status).toBe(429)
    expect((await ask({ requestState: 'made up' })).status).toBe(429)
  },
)

test('what one call was asked makes no other call one that goes on, of either era', async () => {
  await using fixture = await startFixture('http 2026')
  await using limited = await startLimited({
    endpoints: { '/mcp': ['fixture'] },
    upstreams: { fixture: { url: (fixture.settings as RemoteUpstream).url } },
    limits: { tool: { 'fixture/test_simple_text': '1/h' } },
  })
  const { server } = limited
  const authorization = `Bearer ${await server.sign({ aud: server.at('/mcp') })}`
  const capabilities = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } }
  const call = async (era: (typeof eras)[number], name: string, more: Members = {}) => {
    const { message, headers } = requestOf(era, 'tools/call', { name, arguments: {}, ...more })
    const own = message.params as Members
    const params = era === '2026-07-28' ? { ...own, _meta: { ...own._meta, ...capabilities } } : own
    return answerOf(await server.post({ ...message, params }, { ...headers, authorization }))
  }
  expect((await call('2025-11-25', 'test_simple_text')).result.isError).toBeUndefined()
  for (const era of eras) {
    const { result } = await call('2026-07-28', 'test_input_required_result_elicitation')
    const { requestState } = result
    expect(typeof requestState).toBe('string')
    const body = await call(era, 'test_simple_text', { requestState })
    const text = body.error?.message ?? body.result.content[0].text
    expect(text, era).toMatch(/may be called once an hour|Invalid or expired requestState/)
  }
})

test('a server that asks for nothing but another call is asked ten more times for one that counts', async () => {
  const answers: Readonly<Record<string, object>> = {
    'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
    'tools/list': { tools: [{ name: 'later', inputSchema: { type: 'object' } }] },
    'tools/call': { resultType: 'input_required', requestState: 'busy' },
  }
  const upstream = createServer(async (request, response) => {
    const { id, method } = JSON.parse((await request.toArray()).join('') || '{}')
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...answers[method] } }))
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`
  await using limited = await startLimited({
    endpoints: { '/mcp': ['busy'] },
    upstreams: { busy: { url } },
    limits: { caller: '2/h', tool: { 'busy/*': '10/h' } },
  })
  const call = (more: Members = {}) =>
    limited.ask('2026-07-28', 'tools/call', { name: 'later', arguments: {}, ...more })
  let answer = await call()
  let times = 1
  for (; answer.status === 200 && times < 40; times += 1)
    answer = await call({ requestState: answer.body.result.requestState })
  expect([answer.status, times], JSON.stringify(answer.body)).toEqual([429, 13])
  upstream.close()
})

test('a limit that is changed while the server runs counts at once, with what was done before', async () => {
  await using limited = await startLimited({ limits: { caller: '2/h' } })
  const { ask, write, server } = limited
  const statusOf = async () => (await ask('2025-11-25', 'tools/call', transfer)).status
  expect([await statusOf(), await statusOf(), await statusOf()]).toEqual([200, 200, 429])
  write({ caller: '3/h' })
  expect(server.log.filter((line) => line.includes('"isSame":false'))).toHaveLength(1)
  expect([await statusOf(), await statusOf()]).toEqual([200, 429])
  write({})
  expect(await statusOf()).toBe(200)
  write({ caller: '3/h' })
  expect(await statusOf()).toBe(429)
})

test('the audit and the metrics have what a limit refused', async () => {
  const metrics = createMetrics({ ofProcess: false })
  await using limited = await startLimited({
    limits: { caller: '3/h', client: '4/h', tool: { 'ledger/transfer': '1/h' } },
    options: { metrics, env: { AUDIT_TO: 'stdout' } },
  })
  const { ask, server } = limited
  for (let time = 0; time < 3; time += 1) await ask('2026-07-28', 'tools/call', transfer)
  await ask('2026-07-28', 'tools/call', transfer)
  await ask('2026-07-28', 'tools/call', { ...transfer, name: 'other__transfer' }, { sub: 'dev:bob' })
  await ask('2026-07-28', 'tools/call', transfer, { sub: 'dev:bob' })
  const lines = (): AuditLine[] =>
    server.log.filter((line) => line.startsWith('{"audit":')).map((line) => auditLine.parse(JSON.parse(line)))
  await expect.poll(() => lines().length).toBe(6)
  expect(lines().map(({ outcome, decision, reason, upstream }) => [outcome, decision, reason, upstream])).toEqual([
    ['ok', 'allow', undefined, 'ledger'],
    ['refused', 'allow', 'tool_limit', 'ledger'],
    ['refused', 'allow', 'tool_limit', 'ledger'],
    ['refused', 'deny', 'caller_limit', undefined],
    ['ok', 'allow', undefined, 'other'],
    ['refused', 'deny', 'client_limit', undefined],
  ])
  const { text } = await metrics.read()
  const rows = text.split('\n').filter((line) => line.startsWith('gatehouse_gateway_limited_total{'))
  expect(rows.toSorted()).toEqual([
    'gatehouse_gateway_limited_total{upstream="",kind="caller"} 1',
    'gatehouse_gateway_limited_total{upstream="",kind="client"} 1',
    'gatehouse_gateway_limited_total{upstream="ledger",kind="tool"} 2',
  ])
})

test('two replicas on one Redis let by as many as one, however many ask at once', async () => {
  await using redis = await startTestRedis()
  await using ledger = await startLedgerServer()
  const limits = { caller: '40/h', tool: { 'ledger/transfer': '15/h' } }
  const env = () => gatewayEnv({ ledger: remoteSettings(ledger.url, { name: 'ledger' }) }, { limits })
  await using replicas = await startReplicas({ redisUrl: redis.url, gatewayEnv: env })
  const authorization = `Bearer ${await replicas.sign({ sub: 'dev:ada', client_id: 'app' })}`
  const call = async (name: string) => {
    const { message, headers } = requestOf('2025-11-25', 'tools/call', { name, arguments: {} })
    const response = await fetch(replicas.resource, {
      method: 'POST',
      headers: {
        ...headers,
        authorization,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(message),
    })
    const { result } = await answerOf(response)
    return response.status === 200 ? (result.isError === true ? 'tool' : 'done') : String(response.status)
  }
  const first = await Promise.all(Array.from({ length: 30 }, () => call('transfer')))
  expect(first.filter((one) => one === 'done')).toHaveLength(15)
  expect(first.filter((one) => one === 'tool')).toHaveLength(15)
  const second = await Promise.all(Array.from({ length: 30 }, () => call('get_account')))
  expect(second.filter((one) => one === 'done')).toHaveLength(10)
  expect(second.filter((one) => one === '429')).toHaveLength(20)
  expect(ledger.asked).toHaveLength(25)
})
