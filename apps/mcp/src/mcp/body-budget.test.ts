import { verifies } from '@gatehouse/testing'
import { expect, vi } from 'vitest'
import { chatter } from '../harness/chatty-server.ts'
import { createDeafCaller } from '../harness/deaf-callers.ts'
import { answerOf, requestOf, startMcpServer } from '../harness/mcp-server.ts'
import { createBuiltin } from '../sources/builtin/builtin.ts'

const { message } = requestOf('2025-11-25', 'tools/list')

verifies('M17', 'messages that never end take the room of their caller, not that of the others', async () => {
  await using server = await startMcpServer({ bodyLimits: { perSubject: 2_500_000, total: 4_500_000 } })
  const of = async (sub: string) => ({ authorization: `Bearer ${await server.sign({ sub })}` })
  const status = async (sub: string) => (await server.post(message, await of(sub))).status
  using deaf = createDeafCaller(server.resource, await server.sign({ sub: 'dev:1' }))
  for (let i = 0; i < 3; i += 1) await deaf.begin() // 1,000,010 bytes each, of which the third does not fit
  const long = { ...message, params: { _meta: { x: 'x'.repeat(999_000) } } }
  await vi.waitFor(async () => expect((await server.post(long, await of('dev:1'))).status).toBe(429))
  const refused = await server.post(long, await of('dev:1'))
  expect([refused.headers.get('retry-after'), (await answerOf(refused)).error.code]).toEqual(['2', -32_000])
  expect(await status('dev:1')).toBe(200) // a small one still fits
  expect(await status('dev:2')).toBe(200)

  using other = createDeafCaller(server.resource, await server.sign({ sub: 'dev:2' }))
  for (let i = 0; i < 3; i += 1) await other.begin()
  await vi.waitFor(async () => expect((await server.post(long, await of('dev:3'))).status).toBe(503))
  deaf[Symbol.dispose]()
  other[Symbol.dispose]()
  for (const sub of ['dev:1', 'dev:2', 'dev:3']) {
    await vi.waitFor(async () => expect((await server.post(long, await of(sub))).status).toBe(200))
  }
})

verifies('M17', 'what is answered or refused takes no room any more', async () => {
  const bodyLimits = { perSubject: 1_048_576, total: 1_048_576 }
  await using server = await startMcpServer({ source: createBuiltin({ tools: [chatter] }), bodyLimits })
  const body = (text: string) => new Blob([text]).stream()
  const authorization = `Bearer ${await server.sign()}`
  const headers = { authorization, 'content-type': 'application/json', accept: 'application/json' }
  for (let i = 0; i < 5; i += 1) {
    expect((await server.post(message)).status).toBe(200)
    expect((await server.post('{bad')).status).toBe(400)
    expect((await server.post(message, { accept: 'text/html' })).status).toBe(406)
    expect((await server.post(message, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await server.post('x'.repeat(2_000_000))).status).toBe(413)
    // Without a length it counts as the largest one, until it is read.
    const chunked = { method: 'POST', headers, body: body(JSON.stringify(message)), duplex: 'half' } as RequestInit
    expect((await fetch(server.resource, chunked)).status).toBe(200)
  }
})
