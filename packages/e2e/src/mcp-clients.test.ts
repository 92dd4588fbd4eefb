// Other people's MCP clients against the protected server: both SDKs, both eras of the protocol, and both ways to a
// token: brought along, or found by the client's own OAuth code starting from nothing but the server's address.
import { type Stack, startStack } from '@gatehouse/testing'
import * as modern from '@modelcontextprotocol/client'
import { UnauthorizedError as LegacyUnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type PersonBrowser } from './harness/browser.ts'
import { type Callback, openCallback } from './harness/callback.ts'
import { startDevice } from './harness/device.ts'
import { createMemoryProvider } from './harness/memory-provider.ts'
import { secretsInLogs } from './harness/secrets.ts'

const greeting = { name: 'greet', arguments: { name: 'world' } }
const info = { name: 'e2e', version: '1.0.0' }

let stack: Stack
let browser: PersonBrowser
let callback: Callback
let token: string
let url: URL

beforeAll(async () => {
  ;[stack, browser, callback] = await Promise.all([startStack(), openBrowser(), openCallback()])
  url = new URL(stack.resource)
  const device = await startDevice(stack)
  await using ada = await browser.person()
  await ada.open(device.link)
  await ada.enterCode()
  await ada.logInAs('ada')
  await ada.approve()
  token = (await device.poll()).access_token ?? ''
})
afterAll(async () => {
  expect(secretsInLogs(stack.logs(), { others: [token] })).toEqual([])
  await Promise.all([callback, browser, stack].map((each) => each[Symbol.asyncDispose]()))
})

test('SDK v1 lists and calls tools with a token', async () => {
  const transport = new LegacyTransport(url, { requestInit: { headers: { authorization: `Bearer ${token}` } } })
  const client = new LegacyClient(info)
  await client.connect(transport as Parameters<LegacyClient['connect']>[0])
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['greet', 'whoami']))
  expect((await client.callTool(greeting)).content).toEqual([{ type: 'text', text: 'Hello, world!' }])
  await client.close()
})

for (const [era, options] of [
  ['2025', {}],
  ['2026', { versionNegotiation: { mode: 'auto' } }],
] as const) {
  test(`SDK v2 of the ${era} era lists and calls tools with a token`, async () => {
    const transport = new modern.StreamableHTTPClientTransport(url, { authProvider: { token: async () => token } })
    const client = new modern.Client(info, options)
    await client.connect(transport)
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['greet', 'whoami']),
    )
    expect((await client.callTool(greeting)).content).toEqual([{ type: 'text', text: 'Hello, world!' }])
    await client.close()
  })
}

test('SDK v1 signs in by itself, from the address alone', async () => {
  const provider = createMemoryProvider(callback.url)
  const transport = () => new LegacyTransport(url, { authProvider: provider })
  const first = transport()
  const refused = await new LegacyClient(info)
    .connect(first as Parameters<LegacyClient['connect']>[0])
    .catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(LegacyUnauthorizedError)
  await first.finishAuth((await answerAt(provider.askedFor())).get('code') ?? '')

  const client = new LegacyClient(info)
  await client.connect(transport() as Parameters<LegacyClient['connect']>[0])
  expect((await client.callTool(greeting)).content).toEqual([{ type: 'text', text: 'Hello, world!' }])
  await client.close()
})

test('SDK v2 signs in by itself, from the address alone', async () => {
  const provider = createMemoryProvider(callback.url)
  const transport = () => new modern.StreamableHTTPClientTransport(url, { authProvider: provider })
  const first = transport()
  const options = { versionNegotiation: { mode: 'auto' } } as const
  const refused = await new modern.Client(info, options).connect(first).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(modern.UnauthorizedError)
  await first.finishAuth(await answerAt(provider.askedFor()))

  const client = new modern.Client(info, options)
  await client.connect(transport())
  expect((await client.callTool(greeting)).content).toEqual([{ type: 'text', text: 'Hello, world!' }])
  await client.close()
})

test('without a token every client is told where to get one', async () => {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toContain('resource_metadata="')
})

/** A person signs in and approves at the address that a client asked to be opened; the answer the client gets. */
async function answerAt(address: URL): Promise<URLSearchParams> {
  await using grace = await browser.person()
  const answered = callback.answer()
  await grace.open(address.href)
  await grace.logInAs('grace')
  await grace.approve()
  return (await answered).searchParams
}
