// One file for both services, several endpoints in it, at two names of this machine. Clients know the address of an endpoint and
// nothing else; what they get there is of no use at another one. Then the file changes.
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPerson, freePorts, repository, type Stack, startStack, until } from '@gatehouse/testing'
import * as modern from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { createMemoryProvider, type MemoryProvider } from '../harness/memory-provider.ts'
import { secretsInLogs } from '../harness/secrets.ts'

const callback = 'http://127.0.0.1:7778/callback'
const info = { name: 'e2e', version: '1.0.0' }
const telling = (LEVEL: string) => ({
  command: [process.execPath, join(repository, 'apps/mcp/src/gateway/harness/telling-server.ts')],
  env: { LEVEL },
})

const path = join(mkdtempSync(join(tmpdir(), 'gatehouse-endpoints-')), 'gatehouse.yaml')
let stack: Stack
let port: string

const at = (place: string) => `http://${place.replace('/', `:${port}/`)}`
type Content = Readonly<Record<string, readonly string[]>>
const places: Content = {
  'localhost/tools': ['telling', 'builtin'],
  'localhost/plain': ['telling'],
  '127.0.0.1/tools': ['builtin'],
}

/** As editors do: another file takes its place. */
function write(content: Content, level: string): void {
  const endpoints = Object.entries(content).map(([place, upstreams]) => ({
    resource: at(place),
    name: place,
    upstreams,
  }))
  writeFileSync(`${path}.new`, JSON.stringify({ version: 1, endpoints, upstreams: { telling: telling(level) } }))
  renameSync(`${path}.new`, path)
}

beforeAll(async () => {
  port = String((await freePorts(1))[0])
  write(places, 'one')
  const common = { GATEHOUSE_CONFIG: path }
  stack = await startStack({
    env: {
      auth: { ...common, AUTH_RESOURCES: '', TRUST_PROXY: '127.0.0.1,::1', AUTH_DEV_LOGIN: 'true' },
      mcp: { ...common, MCP_RESOURCE_URL: '', PORT: port, PATH: process.env.PATH ?? '' },
    },
  })
})
afterAll(() => stack[Symbol.asyncDispose]())

/** Signs in from the address alone. */
async function signIn(resource: string, sdk: 'v1' | 'v2'): Promise<MemoryProvider> {
  const provider = createMemoryProvider(callback)
  const starting = transportTo(resource, sdk, provider)
  await expect(clientOf(sdk).connect(starting)).rejects.toThrow(/unauthorized/i)
  const person = createPerson(stack)
  await person.open(provider.askedFor().href)
  await person.logIn()
  const { leftTo, text } = await person.approve()
  if (!leftTo) throw new Error(text)
  const answer = leftTo.searchParams
  await (sdk === 'v1'
    ? (starting as LegacyTransport).finishAuth(answer.get('code') ?? '')
    : (starting as modern.StreamableHTTPClientTransport).finishAuth(answer))
  return provider
}

function transportTo(resource: string, sdk: 'v1' | 'v2', authProvider: MemoryProvider) {
  return sdk === 'v1'
    ? new LegacyTransport(new URL(resource), { authProvider })
    : new modern.StreamableHTTPClientTransport(new URL(resource), { authProvider })
}

// biome-ignore lint/suspicious/noExplicitAny: each SDK has its own types for the same members
function clientOf(sdk: 'v1' | 'v2'): any {
  return sdk === 'v1' ? new LegacyClient(info) : new modern.Client(info, { versionNegotiation: { mode: 'auto' } })
}

async function listedByIssuer(): Promise<readonly string[]> {
  const metadata = await fetch(`${stack.issuer}/.well-known/oauth-authorization-server`)
  return (await metadata.json()).protected_resources
}

function ask(resource: string, token: string): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${token}`,
  }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  return fetch(resource, { method: 'POST', headers, body })
}

test.each(['v1', 'v2'] as const)(
  'with SDK %s a person signs in at each endpoint for it alone, and sees what is there',
  async (sdk) => {
    const tools = { 'localhost/tools': 'telling__tell', 'localhost/plain': 'tell', '127.0.0.1/tools': 'greet' }
    for (const [place, tool] of Object.entries(tools)) {
      const provider = await signIn(at(place), sdk)
      const client = clientOf(sdk)
      await client.connect(transportTo(at(place), sdk, provider))
      const names = (await client.listTools()).tools.map(({ name }: { name: string }) => name)
      expect(names, place).toContain(tool)
      await client.close()
      const { access_token } = provider.tokens()
      expect(claimsOf(access_token)).toMatchObject({ aud: at(place), iss: stack.issuer })
      for (const other of Object.keys(tools)) {
        const { status } = await ask(at(other), access_token)
        expect(status, `${place} at ${other}`).toBe(other === place ? 200 : 401)
      }
    }
    expect(await listedByIssuer()).toEqual(Object.keys(tools).map(at))
    expect(stack.logs()).not.toContain('the issuer does not know this endpoint')
  },
  60_000,
)

test('the file changes: who is connected goes on with what is there now, and a new endpoint can be signed in to', async () => {
  const provider = await signIn(at('localhost/plain'), 'v2')
  const client = clientOf('v2')
  await client.connect(transportTo(at('localhost/plain'), 'v2', provider))
  const level = async () => {
    const { content } = await client.callTool({ name: 'tell', arguments: {} })
    return JSON.parse(content[0].text).environment.LEVEL
  }
  expect(await level()).toBe('one')
  write({ ...places, 'localhost/more': ['builtin'] }, 'two')
  await until(async () => (await level()) === 'two', 15_000)
  await client.close()
  expect((await fetch(at('localhost/more'), { method: 'POST' })).status).toBe(401)

  await until(async () => (await listedByIssuer()).includes(at('localhost/more')), 15_000)
  const other = await signIn(at('localhost/more'), 'v2')
  const second = clientOf('v2')
  await second.connect(transportTo(at('localhost/more'), 'v2', other))
  const { content } = await second.callTool({ name: 'greet', arguments: { name: 'Ada' } })
  expect(content).toEqual([{ type: 'text', text: 'Hello, Ada!' }])
  await second.close()
  const others = [provider, other].map((each) => each.tokens().access_token)
  expect(secretsInLogs(stack.logs(), { others })).toEqual([])
}, 60_000)
