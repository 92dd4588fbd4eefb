import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { answerOf, startMcpServer, type TestServer } from '../harness/mcp-server.ts'
import { sessionClient } from '../harness/session-client.ts'
import { everythingServer } from './harness/everything.ts'
import { startFixture } from './harness/fixture-upstream.ts'
import { gatewayEnv } from './harness/gateway.ts'
import type { RemoteUpstream, UpstreamSettings } from './settings.ts'

const eras = ['2025', '2026'] as const

async function gatewayTo(upstreams: Readonly<Record<string, UpstreamSettings>>): Promise<TestServer> {
  return startMcpServer({ env: gatewayEnv(upstreams) })
}

async function connect(server: TestServer, era: (typeof eras)[number]): Promise<Client> {
  const token = await server.sign()
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: { elicitation: { form: {} } }, ...(era === '2026' && { versionNegotiation: { mode: 'auto' } }) },
  )
  client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { name: 'Ada' } }))
  const authProvider = { token: async () => token }
  await client.connect(new StreamableHTTPClientTransport(new URL(server.resource), { authProvider }))
  return client
}

test.each(eras)('a client of %s calls a command, with progress, and is asked', async (era) => {
  const { settings } = await everythingServer('stdio')
  await using server = await gatewayTo({ everything: settings })
  const client = await connect(server, era)
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name)).toContain('echo')
  const echo = await client.callTool({ name: 'echo', arguments: { message: 'hi' } })
  expect(echo.content).toEqual([{ type: 'text', text: 'Echo: hi' }])
  const asked = await client.callTool({ name: 'trigger-elicitation-request', arguments: {} })
  expect(JSON.stringify(asked.content)).toContain('provided the requested information')
  await client.close()
})

test('with several upstreams names say whose a thing is, and one that is away leaves the others alone', async () => {
  const { settings } = await everythingServer('stdio')
  await using fixture = await startFixture('http 2026')
  const away = { ...fixture.settings, url: 'http://127.0.0.1:1/mcp' } as UpstreamSettings
  await using server = await gatewayTo({ everything: settings, modern: fixture.settings, away })
  const client = await connect(server, '2026')
  const names = (await client.listTools()).tools.map(({ name }) => name)
  expect(names).toContain('everything__echo')
  expect(names).toContain('modern__test_simple_text')
  const echo = await client.callTool({ name: 'everything__echo', arguments: { message: 'hi' } })
  expect(echo.content).toEqual([{ type: 'text', text: 'Echo: hi' }])
  const asked = await client.callTool({ name: 'modern__test_input_required_result_elicitation', arguments: {} })
  expect(JSON.stringify(asked.content)).toContain('Ada')
  await client.close()
})

test('the demonstration stands beside other servers where the file names it, with the scopes of its own tools', async () => {
  await using fixture = await startFixture('http 2025')
  const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-gateway-')), 'gatehouse.yaml')
  const { url } = fixture.settings as RemoteUpstream
  await using server = await startMcpServer({
    env: (origin) => {
      const endpoint = `{ resource: "${origin}/mcp", name: Both, upstreams: [builtin, fixture] }`
      writeFileSync(file, `version: 1\nendpoints: [${endpoint}]\nupstreams: { fixture: { url: "${url}" } }\n`)
      return { GATEHOUSE_CONFIG: file, MCP_RESOURCE_URL: '', DATA_DIR: join(file, '..') }
    },
  })
  for (const era of eras) {
    const client = await connect(server, era)
    const names = (await client.listTools()).tools.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['builtin__greet', 'fixture__test_simple_text']))
    const greeted = await client.callTool({ name: 'builtin__greet', arguments: { name: 'Ada' } })
    expect(greeted.content).toEqual([{ type: 'text', text: 'Hello, Ada!' }])
    const more = client.callTool({ name: 'builtin__start-notification-stream', arguments: { interval: 1, count: 1 } })
    await expect(more, 'it takes a scope of its own').rejects.toThrow()
    await client.close()
  }
})

test('who has no session subscribes to nothing, and ends no subscription of others on a connection that is shared', async () => {
  await using fixture = await startFixture('http 2025', { isolation: 'shared' }, 'matrix')
  await using server = await gatewayTo({ fixture: fixture.settings })
  const heard: string[] = []
  const listener = await connect(server, '2025')
  listener.setNotificationHandler('notifications/resources/updated', async ({ params }) => void heard.push(params.uri))
  const { resources } = await listener.listResources()
  const uri = resources[0]?.uri ?? ''
  await listener.subscribeResource({ uri })
  const stranger = sessionClient({ resource: server.resource, token: await server.sign() })
  const ask = async (method: string) =>
    answerOf(await stranger.post({ jsonrpc: '2.0', id: 1, method, params: { uri } }))
  expect((await ask('resources/subscribe')).error).toMatchObject({
    code: -32_602,
    message: expect.stringContaining('session'),
  })
  expect((await ask('resources/unsubscribe')).result).toBeDefined()
  await expect
    .poll(async () => {
      await listener.callTool({ name: 'touch', arguments: {} })
      return heard
    })
    .toContain(uri)
  await listener.close()
})
