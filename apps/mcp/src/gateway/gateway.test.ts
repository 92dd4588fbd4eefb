import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { startMcpServer, type TestServer } from '../suites/mcp-server.ts'
import type { UpstreamSettings } from './settings.ts'
import { everythingServer } from './suites/everything.ts'
import { startFixture } from './suites/fixture-upstream.ts'
import { gatewayEnv } from './suites/gateway.ts'

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
