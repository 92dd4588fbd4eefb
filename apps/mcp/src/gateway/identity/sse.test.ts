// HTTP+SSE: one connection carries all calls of its owner, so what is said of a caller on it has to be true of each.
import { createServer, type ServerResponse } from 'node:http'
import { listen } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { ada, testClient } from '../harness/clients.ts'
import { remoteSettings } from '../harness/settings.ts'
import { testUpstream } from '../harness/upstreams.ts'
import { behalfOf } from '../relay/client.ts'
import { createCallerIdentity, createSqliteKeyStore } from './index.ts'

interface Seen {
  readonly stream: string
  readonly said: string
}

/** What was said of the caller on each stream, and in each request that belongs to it. */
async function startSseServer() {
  const seen: Seen[] = []
  const streams = new Map<string, ServerResponse>()
  const tell = (response: ServerResponse | undefined, event: string, data: string) =>
    response?.write(`event: ${event}\ndata: ${data}\n\n`)
  const server = createServer(async (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    const stream = searchParams.get('stream') ?? crypto.randomUUID()
    seen.push({ stream, said: String(request.headers['gatehouse-caller']) })
    if (request.method === 'GET') {
      streams.set(stream, response.writeHead(200, { 'content-type': 'text/event-stream' }))
      return tell(response, 'endpoint', `/messages?stream=${stream}`)
    }
    let text = ''
    for await (const chunk of request) text += chunk
    response.writeHead(202).end()
    const { id, method } = JSON.parse(text)
    const greeting = {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 's', version: '1' },
    }
    const result = method === 'initialize' ? greeting : { content: [] }
    if (id !== undefined) tell(streams.get(stream), 'message', JSON.stringify({ jsonrpc: '2.0', id, result }))
    return undefined
  })
  const { origin, stop } = await listen(server, { host: 'localhost' })
  return {
    url: `${origin}/sse`,
    seen,
    [Symbol.asyncDispose]: stop,
  }
}

test('no stream is of two callers, nor of one caller with other scopes; what has ended opens nothing any more', async () => {
  const now = Math.floor(Date.now() / 1_000)
  const store = createSqliteKeyStore(':memory:', Date.now)
  const { valueFor } = createCallerIdentity({
    store,
    secrets: ['of this test, and long enough to seal'],
    now: Date.now,
  })
  await using server = await startSseServer()
  const identity = { header: 'gatehouse-caller', as: 'jwt' } as const
  await using upstream = testUpstream(remoteSettings(server.url, { transport: 'sse', identity }), {
    identify: valueFor,
  })
  const callAs = (subject: string, scope: string, expiresAt = now + 600) => {
    const granted = { scopes: new Set([scope]), expiresAt }
    const behalf = behalfOf(testClient('2025', { owner: { ...ada, subject }, granted }))
    return upstream.request({ method: 'tools/call', params: { name: 'x', arguments: {} } }, behalf)
  }
  await Promise.all([callAs('dev:ada', 'read'), callAs('dev:bob', 'read'), callAs('dev:ada', 'write')])
  await callAs('dev:ada', 'read')
  const said = server.seen.map((one) => ({ ...one, caller: decodeJwt(one.said) }))
  const byStream = Map.groupBy(said, ({ stream }) => stream)
  expect(
    [...byStream.values()].map((all) => new Set(all.map(({ caller }) => `${caller.sub} ${caller.scope}`)).size),
  ).toEqual([1, 1, 1])
  await callAs('dev:ada', 'read', now - 1)
  expect(decodeJwt(server.seen.at(-1)?.said ?? '')).not.toHaveProperty('scope')
  expect(new Set(server.seen.map(({ stream }) => stream)).size).toBe(3)
})
