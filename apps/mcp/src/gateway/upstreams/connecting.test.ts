import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { listen } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { testClient } from '../harness/clients.ts'
import { remoteSettings, stdioSettings } from '../harness/settings.ts'
import { testUpstream } from '../harness/upstreams.ts'
import { behalfOf } from '../relay/client.ts'

const timeouts = { connect: 5_000, list: 300, call: 600, idle: 5_000 }
const handshake = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } }
const call = { method: 'tools/call', params: { name: 'x' } }
const ada = behalfOf(testClient('2025'))

async function serving(answer: (method: string, id: unknown, response: ServerResponse) => void) {
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { method, id } = text === '' ? { method: request.method ?? '', id: undefined } : JSON.parse(text)
    answer(method, id, response)
  })
  const { origin, stop } = await listen(server)
  return {
    url: `${origin}/mcp`,
    [Symbol.asyncDispose]: stop,
  }
}

function json(response: ServerResponse, message: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', ...message }))
}

test('a server that greets and then says nothing ends the attempt, and can be closed', async () => {
  await using server = await serving((method, id, response) => {
    if (method === 'initialize') json(response, { id, result: handshake })
    else if (method === 'server/discover') response.writeHead(400).end()
  })
  const upstream = testUpstream(remoteSettings(server.url, { timeouts }))
  await expect(upstream.request(call, ada)).rejects.toMatchObject({ fault: 'timeout' })
  await upstream.close()
})

test('a server of HTTP+SSE that names no place for messages, too', async () => {
  await using server = await serving((_method, _id, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': nothing\n\n')
  })
  const upstream = testUpstream(remoteSettings(server.url, { transport: 'sse', timeouts }))
  await expect(upstream.request(call, ada)).rejects.toMatchObject({ fault: 'timeout' })
  await upstream.close()
})

test('who leaves does not wait for a connection', async () => {
  await using server = await serving(() => undefined)
  const upstream = testUpstream(remoteSettings(server.url, { timeouts: { ...timeouts, list: 60_000 } }))
  const leaving = new AbortController()
  const asked = upstream.request(call, { ...ada, signal: leaving.signal })
  leaving.abort()
  await expect(asked).rejects.toMatchObject({ fault: 'timeout', message: 'The call was cancelled' })
  await upstream.close()
})

test('an older server that says nothing to a question of the newer era is greeted in its own', async () => {
  await using server = await serving((method, id, response) => {
    if (method === 'server/discover') return
    if (id === undefined) response.writeHead(method === 'GET' ? 405 : 202).end()
    else json(response, { id, result: method === 'initialize' ? handshake : { content: [] } })
  })
  await using upstream = testUpstream(remoteSettings(server.url, { timeouts }))
  expect(await upstream.request(call, ada)).toEqual({ content: [] })
})

test('a server that becomes an older one is asked again of which era it is', async () => {
  let isModern = true
  const discovered = { supportedVersions: ['2026-07-28'], capabilities: {}, resultType: 'complete' }
  await using server = await serving((method, id, response) => {
    if (method === 'server/discover' && isModern) json(response, { id, result: discovered })
    else if (method === 'initialize') json(response, { id, result: handshake })
    else if (id === undefined) response.writeHead(method === 'GET' ? 405 : 202).end()
    else if (isModern) json(response, { id, result: { content: [], resultType: 'complete' } })
    else if (method === 'tools/call') json(response, { id, result: { content: [] } })
    else response.writeHead(400).end()
    if (method === 'tools/call') asked += 1
    if (asked === 1) isModern = false
  })
  let asked = 0
  await using upstream = testUpstream(remoteSettings(server.url))
  expect((await upstream.describe(ada)).era).toBe('2026')
  await upstream.request(call, ada)
  await upstream.request({ method: 'tools/list' }, ada).catch(() => undefined)
  await expect.poll(() => upstream.describe(ada).then(({ era }) => era, String)).toBe('2025')
})

const program = join(import.meta.dirname, '../harness/counting-command.ts')

test('questions of calls that were given up leave their place to others', async () => {
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', program] as const
  await using upstream = testUpstream(stdioSettings(command))
  const ask = { method: 'tools/call', params: { name: 'ask', arguments: {} } }
  for (let count = 0; count < 22; count += 1) {
    const leaving = new AbortController()
    const asked = new Promise<void>((resolve) => {
      const behalf = {
        ...ada,
        signal: leaving.signal,
        ask: () => {
          resolve()
          return new Promise<never>(() => undefined)
        },
      }
      upstream.request(ask, behalf).catch(() => undefined)
    })
    await asked
    leaving.abort()
  }
  const result = await upstream.request(ask, {
    ...ada,
    ask: async () => ({ action: 'accept', content: { name: 'Ada' } }),
  })
  expect(JSON.stringify(result)).toContain('Ada')
})
