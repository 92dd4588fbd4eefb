import type { FastifyRequest } from 'fastify'
import { expect, test, vi } from 'vitest'
import { eraOf } from './inbound.ts'
import { createKnownEnvelopes } from './known-envelopes.ts'

const own = 'io.modelcontextprotocol/'
const envelope = {
  [`${own}protocolVersion`]: '2026-07-28',
  [`${own}clientInfo`]: { name: 'a client', version: '1' },
  [`${own}clientCapabilities`]: {},
}
const headers = {
  'content-type': 'application/json',
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'greet',
}

function call({ meta = {}, message = {}, header = {} }: { meta?: object; message?: object; header?: object } = {}) {
  const params = { name: 'greet', arguments: {}, _meta: { ...envelope, ...meta } }
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params, ...message }
  return { method: 'POST', headers: { ...headers, ...header }, body } as unknown as FastifyRequest
}

test('what the SDK judged once is not judged again, whatever the id, the arguments and the token of progress', () => {
  const judge = vi.fn(eraOf)
  const read = createKnownEnvelopes(judge)
  expect(read(call())).toBe('modern')
  expect(read(call({ message: { id: 'another' }, meta: { progressToken: 7 } }))).toBe('modern')
  expect(judge).toHaveBeenCalledTimes(1)
})

const others: Readonly<Record<string, FastifyRequest>> = {
  'another client': call({ meta: { [`${own}clientInfo`]: { name: 'another', version: '1' } } }),
  'an envelope with a fault': call({ meta: { [`${own}clientCapabilities`]: 'none' } }),
  'a number that no text has': call({
    meta: { [`${own}clientCapabilities`]: { experimental: { a: { b: [Number.POSITIVE_INFINITY] } } } },
  }),
  'a level of logs': call({ meta: { [`${own}logLevel`]: 'loud' } }),
  'a member of somebody else': call({ meta: { theirs: 1 } }),
  'a token of progress that is none': call({ meta: { progressToken: {} } }),
  'a message with more members': call({ message: { result: {} } }),
  'another version of JSON-RPC': call({ message: { jsonrpc: '1.0' } }),
  'an id that is no integer': call({ message: { id: 1.5 } }),
  'a header that says another revision': call({ header: { 'mcp-protocol-version': '2025-11-25' } }),
  'a header that says another method': call({ header: { 'mcp-method': 'tools/list' } }),
  'no header that says the name': call({ header: { 'mcp-name': undefined } }),
}

for (const [what, request] of Object.entries(others)) {
  test(`the SDK judges ${what}`, () => {
    const judge = vi.fn(eraOf)
    const read = createKnownEnvelopes(judge)
    read(call())
    read(call({ meta: { [`${own}clientCapabilities`]: { experimental: { a: { b: [null] } } } } }))
    judge.mockClear()
    expect(read(request)).toEqual(eraOf(request))
    expect(judge).toHaveBeenCalledTimes(1)
  })
}

test('only some are remembered', () => {
  const judge = vi.fn(eraOf)
  const read = createKnownEnvelopes(judge)
  const ofClient = (version: number) =>
    call({ meta: { [`${own}clientInfo`]: { name: 'many', version: String(version) } } })
  for (let version = 0; version < 300; version += 1) read(ofClient(version))
  judge.mockClear()
  read(ofClient(299))
  expect(judge).not.toHaveBeenCalled()
  read(ofClient(0))
  expect(judge).toHaveBeenCalledTimes(1)
})
