import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { verifies } from '@gatehouse/testing'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { createDeviceAuthProvider, type DeviceAuthProviderOptions } from './device-auth-provider.ts'
import type { DevicePrompt } from './flows/prompts.ts'
import { createTestClock } from './harness/command-line.ts'
import { type FakeServers, startFakeServers } from './harness/fake-servers.ts'
import { createMcpService } from './harness/mcp-service.ts'
import { createMemoryStore } from './session/memory-store.ts'

/** The SDK's client with our provider, as somebody's program would have it. */
function createProgram(servers: FakeServers, options: Partial<DeviceAuthProviderOptions> = {}) {
  const shown: DevicePrompt[] = []
  const clock = createTestClock()
  const provider = createDeviceAuthProvider({
    url: servers.mcpUrl,
    clock,
    onUserCode: (prompt) => shown.push(prompt),
    ...options,
  })
  return {
    shown,
    clock,
    provider,
    async connect() {
      const client = new Client({ name: 'program', version: '1' })
      await client.connect(new StreamableHTTPClientTransport(new URL(servers.mcpUrl), { authProvider: provider }))
      return client
    },
  }
}

const greet = (client: Client) => client.callTool({ name: 'greet', arguments: { name: 'world' } })
const hello = { content: [{ type: 'text', text: 'Hello, world!' }] }

test('the person is asked when the server asks for a sign-in, once, and the call goes on', async () => {
  await using servers = await startFakeServers({ service: createMcpService() })
  const { connect, shown } = createProgram(servers)
  const client = await connect()
  expect(await greet(client)).toMatchObject(hello)
  expect(shown).toEqual([
    {
      uri: `${servers.issuer}/device`,
      uriWithCode: `${servers.issuer}/device?user_code=BDWP-HQTK`,
      code: 'BDWP-HQTK',
      expiresAt: expect.any(Number),
    },
  ])
  await client.close()
})

test('a token that ended or is refused is renewed without the person; a sign-in that is over asks again', async () => {
  await using servers = await startFakeServers({ service: createMcpService() })
  const { connect, clock, shown } = createProgram(servers)
  const client = await connect()
  clock.elapse(3600)
  expect(await greet(client)).toMatchObject(hello)
  servers.revokeAccessTokens()
  expect(await greet(client)).toMatchObject(hello)
  expect(shown).toHaveLength(1)
  servers.behaviour.refreshAnswer = { status: 400, body: { error: 'invalid_grant' } }
  servers.revokeAccessTokens()
  expect(await greet(client)).toMatchObject(hello)
  expect(shown).toHaveLength(2)
  await client.close()
})

test('requests that are refused at the same time share one sign-in', async () => {
  await using servers = await startFakeServers({ service: createMcpService() })
  const { connect, provider, shown } = createProgram(servers)
  const client = await connect()
  await provider.signOut()
  servers.revokeAccessTokens()
  const answers = await Promise.all(Array.from({ length: 5 }, () => greet(client)))
  expect(answers).toMatchObject(Array.from({ length: 5 }, () => hello))
  expect(shown).toHaveLength(2)
  await client.close()
})

test('with a store the next run needs nobody', async () => {
  await using servers = await startFakeServers({ service: createMcpService() })
  const store = createMemoryStore()
  await (await createProgram(servers, { store }).connect()).close()
  const again = createProgram(servers, { store })
  expect(await greet(await again.connect())).toMatchObject(hello)
  expect(again.shown).toEqual([])
})

verifies('K7', 'a 403 is followed by a sign-in for the union of scopes, three times at most', async () => {
  await using servers = await startFakeServers({ service: createMcpService() })
  const { connect, provider } = createProgram(servers)
  const asked = () => servers.seenAt('/device_authorization').map(({ form }) => form.get('scope'))
  servers.behaviour.neededScope = () => 'more'
  const client = await connect()
  expect(await provider.steppingUp(() => greet(client))).toMatchObject(hello)
  expect(asked()).toEqual(['read call', 'read call more'])
  let count = 0
  servers.behaviour.neededScope = () => {
    count += 1
    return `more-${count}`
  }
  await expect(provider.steppingUp(() => greet(client))).rejects.toMatchObject({ code: 'insufficient_scope' })
  expect(asked()).toHaveLength(2 + 3)
  await client.close()
})

test('a person who refuses, or a service without the device flow, is an error with a code', async () => {
  await using servers = await startFakeServers({ service: createMcpService() })
  servers.behaviour.polls = [{ status: 400, body: { error: 'access_denied' } }]
  await expect(createProgram(servers).connect()).rejects.toMatchObject({ code: 'access_denied' })
  servers.behaviour.serverMetadata = { device_authorization_endpoint: undefined }
  await expect(createProgram(servers).connect()).rejects.toMatchObject({ code: 'metadata_missing' })
})

test('the example runs as it stands, and is the one in the README', async () => {
  await using servers = await startFakeServers({ service: createMcpService() })
  const example = fileURLToPath(new URL('../examples/auth-provider.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=gatehouse-source', example, servers.mcpUrl])
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  expect([code, stdout]).toEqual([0, "[ { type: 'text', text: 'Hello, world!' } ]\n"])
  expect(stderr).toContain(`Open ${servers.issuer}/device on any device and enter BDWP-HQTK`)
  const source = (await readFile(example, 'utf8')).replace(/^(?:\/\/.*\n)+/, '')
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(source)
}, 30_000)
