import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { runServerConformance } from './harness/conformance.ts'
import { conformanceSource } from './harness/conformance-fixtures.ts'
import { answerOf, type Era, requestOf, startMcpServer } from './harness/mcp-server.ts'
import { readEvents } from './harness/session-client.ts'

/** Extensions that we do not offer. Nothing else is expected to fail, scored or not. */
const expectedFailures = join(import.meta.dirname, 'harness', 'conformance-expected-failures.yml')

test.each<[Era, number]>([
  ['2025-11-25', 84],
  ['2026-07-28', 152],
])(
  'the server meets all that %s requires',
  async (revision, passes) => {
    const { exitCode, output, checks } = await runServerConformance(revision, {
      source: conformanceSource,
      expectedFailures,
    })
    expect(exitCode, output).toBe(0)
    const ours = checks.filter(({ scenario }) => !scenario.startsWith('tasks-'))
    expect(ours.filter(({ status }) => !['SUCCESS', 'INFO'].includes(status))).toEqual([])
    expect(ours.filter(({ status }) => status === 'SUCCESS').length).toBeGreaterThanOrEqual(passes)
  },
  120_000,
)

verifies('M5', 'state that goes by way of the client is good for the one it was given to, as it was', async () => {
  await using server = await startMcpServer({ source: conformanceSource })
  const name = 'test_input_required_result_request_state'
  const send = async (given: Record<string, unknown>, claims: Record<string, unknown> = {}) => {
    const { message, headers } = requestOf('2026-07-28', 'tools/call', { name, arguments: {}, ...given })
    Object.assign((message.params as { _meta: object })._meta, {
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
    })
    return answerOf(await server.post(message, { ...headers, authorization: `Bearer ${await server.sign(claims)}` }))
  }
  const mine = { sub: 'github:1' }
  const { result } = await send({}, mine)
  const inputResponses = { confirm: { action: 'accept', content: { ok: true } } }
  const { requestState } = result
  expect((await send({ inputResponses, requestState }, mine)).result.content).toMatchObject([{ text: 'state-ok' }])
  for (const state of [`${requestState}x`, requestState.slice(0, -4), requestState.replace('v1.', 'v1.A'), 'x', '']) {
    expect((await send({ inputResponses, requestState: state }, mine)).error.code, state).toBe(-32_602)
  }
  expect((await send({ inputResponses, requestState }, { sub: 'github:2' })).error.code).toBe(-32_602)
  expect((await send({ inputResponses, requestState }, { ...mine, client_id: 'another' })).error.code).toBe(-32_602)
})

verifies('M5', 'a server that hands out no state takes none', async () => {
  await using server = await startMcpServer()
  const params = { name: 'greet', arguments: { name: 'Ada' }, requestState: 'made up' }
  const { message, headers } = requestOf('2026-07-28', 'tools/call', params)
  expect((await answerOf(await server.post(message, headers))).error.code).toBe(-32_602)
})

verifies(
  ['M18', 'M19'],
  'a subscription is heard until its token expires, and is counted',
  async () => {
    await using server = await startMcpServer({ source: conformanceSource, streamLimits: { perSubject: 1 } })
    const listen = requestOf('2026-07-28', 'subscriptions/listen', { notifications: { toolsListChanged: true } })
    const authorization = `Bearer ${await server.sign({ exp: Math.floor(Date.now() / 1000) + 2 })}`
    const stream = readEvents(await server.post(listen.message, { ...listen.headers, authorization }))
    expect((await stream.next())?.message?.method).toBe('notifications/subscriptions/acknowledged')
    expect((await server.post(listen.message, listen.headers)).status).toBe(429)
    const change = requestOf('2026-07-28', 'tools/call', { name: 'test_trigger_tool_change', arguments: {} })
    await server.post(change.message, change.headers)
    expect((await stream.next())?.message?.method).toBe('notifications/tools/list_changed')
    const began = performance.now()
    await stream.rest()
    expect(performance.now() - began).toBeLessThan(4_000)
    expect((await server.post(listen.message, listen.headers)).status).toBe(200)
  },
  10_000,
)

verifies(
  'M16',
  'no address, argument or schema of a caller costs more than its length, and none is fetched',
  async () => {
    await using server = await startMcpServer({ source: conformanceSource })
    let fetched = 0
    const outside = createServer((_request, response) => {
      fetched += 1
      response.end('{}')
    })
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(outside.address() as AddressInfo).port}/schema`
    const read = (uri: string) => ['resources/read', { uri }] as const
    const tool = (name: string, given: unknown) => ['tools/call', { name, arguments: given }] as const
    const requests = [
      read(`test://template/${'a/'.repeat(200_000)}`),
      read(`test://template/${'%2F'.repeat(100_000)}/data`),
      read(`test://template/${'{id}'.repeat(50_000)}`),
      read(address),
      read('file:///etc/passwd'),
      tool('json_schema_2020_12_tool', { name: 'x'.repeat(500_000), $ref: address, $schema: address }),
      tool('json_schema_2020_12_tool', { address: { $ref: address }, phone: 'a'.repeat(500_000) }),
      tool('test_custom_headers', { region: `${'a'.repeat(50_000)}!` }),
    ]
    for (const [method, params] of requests) {
      const { message } = requestOf('2025-11-25', method, params)
      const before = process.threadCpuUsage()
      const response = await server.post(message)
      await response.text()
      const { user, system } = process.threadCpuUsage(before)
      expect((user + system) / 1000, JSON.stringify(params).slice(0, 60)).toBeLessThan(300)
      expect(response.status).toBe(200)
    }
    expect(fetched).toBe(0)
    outside.close()
  },
)
