// Over the wire: who may tell an upstream that their roots changed, and how often at once.
import { createServer, type ServerResponse } from 'node:http'
import { listen } from '@gatehouse/testing'
import { describe, expect, test } from 'vitest'
import { type FileContent, type GatewayServer, startWithFile } from '../../harness/gateway-file.ts'
import { call, openSession, type SessionClient } from '../../harness/session-client.ts'
import { remoteSettings } from '../harness/settings.ts'
import { testUpstream } from '../harness/upstreams.ts'
import type { Behalf } from '../upstreams/contract.ts'

const changed = { jsonrpc: '2.0', method: 'notifications/roots/list_changed' }
const answers: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'ledger', version: '1' },
  },
  'tools/list': { tools: [{ name: 'go', inputSchema: { type: 'object' } }] },
}

/** A server of the 2025 era that answers what it is told of roots, and `go`, when the test says so. */
async function ledger() {
  const heard: string[] = []
  const held: ServerResponse[] = []
  const calls: ServerResponse[] = []
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const { id, method } = JSON.parse((await request.toArray()).join(''))
    heard.push(method)
    if (method === changed.method) return void held.push(response)
    if (id === undefined) return void response.writeHead(202).end()
    if (method === 'tools/call') return void calls.push(response)
    const result = answers[method]
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...(result ? { result } : { error: { code: -32_601 } }) }))
  })
  const { origin, stop } = await listen(server)
  const told = () => heard.filter((method) => method === changed.method).length
  return {
    url: `${origin}/mcp`,
    heard,
    told,
    endCalls: () => calls.forEach((response) => void response.destroy()),
    answer: () => held.shift()?.writeHead(202).end(),
    [Symbol.asyncDispose]: stop,
  }
}

interface Asking {
  readonly scope?: string
  readonly sub?: string
  readonly roots?: boolean
}

async function sessionAt(server: GatewayServer, { scope, sub = 'dev:ada', roots = true }: Asking = {}) {
  const token = await server.sign({ aud: server.at('/mcp'), sub, ...(scope !== undefined && { scope }) })
  const capabilities = roots ? { roots: { listChanged: true } } : {}
  return openSession({ resource: server.at('/mcp'), token, capabilities })
}

const serve = (url: string, more: object = {}, rules: FileContent['rules'] = []) =>
  startWithFile({ endpoints: { '/mcp': ['ledger'] }, upstreams: { ledger: { url, ...more } }, rules })

async function say(session: SessionClient, times = 1): Promise<void> {
  const all = await Promise.all(Array.from({ length: times }, () => session.post(changed)))
  for (const { status } of all) expect(status).toBe(202)
}

/** What was sent before has come by then: it goes the same way, and later. */
async function list(session: SessionClient): Promise<void> {
  await (await session.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })).text()
}

describe('that the roots of a client changed', () => {
  test('is told to an upstream once at a time and once more, however often it is said', async () => {
    await using upstream = await ledger()
    await using server = await serve(upstream.url)
    const session = await sessionAt(server)
    await say(session, 50)
    await list(session)
    expect(upstream.told()).toBe(1)
    upstream.answer()
    await expect.poll(upstream.told).toBe(2)
    upstream.answer()
    await list(session)
    expect(upstream.told()).toBe(2)
    await say(session)
    await expect.poll(upstream.told).toBe(3)
    upstream.answer()
  })

  test.each<[string, Asking, FileContent['rules'], object]>([
    ['by whose token opens nothing', { scope: '' }, [], {}],
    ['by whom every rule denies', {}, [{ tools: ['ledger/*'], allow: false }], {}],
    ['by who has none', { roots: false }, [], {}],
    ['where the connection is shared by all', {}, [], { isolation: 'shared' }],
    ['where the file has nobody asked for them', {}, [], { questions: { roots: false } }],
  ])('is told to no upstream %s', async (_title, asking, rules, more) => {
    await using upstream = await ledger()
    await using server = await serve(upstream.url, more, rules)
    const other = await sessionAt(server, { sub: 'dev:bob' })
    const session = await sessionAt(server, asking)
    await list(session)
    await say(session, 5)
    // bob's comes after it, where somebody may say it at all
    await list(other)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(upstream.told()).toBe(0)
  })

  test('is one of the requests that an upstream may have at once', async () => {
    await using upstream = await ledger()
    await using server = await serve(upstream.url, { concurrency: 1 })
    const session = await sessionAt(server)
    const calling = session.post(call(7, 'go')).catch(() => undefined)
    await expect.poll(() => upstream.heard).toContain('tools/call')
    await say(session, 5)
    await list(session)
    expect(upstream.told()).toBe(0)
    upstream.endCalls()
    await calling
  })
})

const behalf: Behalf = {
  owner: { endpoint: 'http://mcp.test', issuer: 'http://auth.test', subject: 's', clientId: 'c', session: undefined },
  granted: { scopes: new Set(), expiresAt: 2_000_000_000 },
  capabilities: { roots: { listChanged: true } },
  headers: {},
  progressToken: undefined,
  logLevel: undefined,
  signal: new AbortController().signal,
  hear: () => undefined,
  ask: () => Promise.reject(new Error('not to be asked')),
}

test('what a client says of itself opens no connection', async () => {
  await using upstream = await ledger()
  await using one = testUpstream(remoteSettings(upstream.url))
  await one.notify({ method: changed.method }, behalf)
  expect(upstream.heard).toEqual([])
})

test('an upstream that does not take what it is told is not waited for longer than for a list', async () => {
  await using upstream = await ledger()
  const timeouts = { ...remoteSettings('').timeouts, list: 500 }
  await using one = testUpstream(remoteSettings(upstream.url, { timeouts, concurrency: 1 }))
  await one.describe(behalf)
  await expect(one.notify({ method: changed.method }, behalf)).rejects.toThrow('did not answer within 0.5 s')
  expect(await one.request({ method: 'tools/list' }, behalf)).toEqual(answers['tools/list'])
})
