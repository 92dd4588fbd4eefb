import { type JSONRPCMessage, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { envelopeHeaders } from './mirrored-envelope.ts'

const version = 'io.modelcontextprotocol/protocolVersion'

/** What the SDK's own transport says of a message in headers. */
async function sdkHeaders(message: JSONRPCMessage): Promise<Record<string, string>> {
  const sent: Headers[] = []
  const fetch = async (_url: unknown, init: { headers?: unknown } = {}) => {
    sent.push(new Headers(init.headers as Headers))
    return new Response(null, { status: 202 })
  }
  const transport = new StreamableHTTPClientTransport(new URL('http://127.0.0.1/mcp'), { fetch: fetch as never })
  await transport.start()
  await transport.send(message)
  const [headers] = sent
  return Object.fromEntries([...(headers ?? [])].filter(([name]) => name.startsWith('mcp-')))
}

const methods = ['tools/call', 'prompts/get', 'resources/read', 'tasks/get', 'tasks/cancel', 'tools/list', 'toString']
const pieces = ['a', 'Z', ' ', '\t', '=?base64?', '?=', 'é', '😀', '', '\u007f', '~', '\n', '/', ':']

test('headers are those that the SDK would send', async () => {
  const names = pieces.flatMap((one) => pieces.flatMap((other) => [one + other, `${one}x${other}`]))
  for (const [at, name] of names.entries()) {
    const method = methods[at % methods.length] ?? ''
    for (const params of [{ name, uri: name, taskId: name }, { name: 1 }, {}]) {
      const message = {
        jsonrpc: '2.0',
        id: 1,
        method,
        params: { ...params, _meta: { [version]: '2026-07-28' } },
      } as const
      expect([message, envelopeHeaders(message)]).toEqual([message, await sdkHeaders(message)])
    }
  }
})

test.each<[string, JSONRPCMessage]>([
  ['a message of the older era', { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } }],
  ['a notification', { jsonrpc: '2.0', method: 'x', params: { _meta: { [version]: '2026-07-28' } } }],
  ['an answer', { jsonrpc: '2.0', id: 1, result: {} }],
])('%s says nothing in headers', async (_name, message) => {
  expect(envelopeHeaders(message)).toBeUndefined()
  expect(await sdkHeaders(message)).toEqual({})
})
