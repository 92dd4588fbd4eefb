import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { testClient } from '../harness/clients.ts'
import { remoteSettings } from '../harness/settings.ts'
import { testUpstream } from '../harness/upstreams.ts'
import { behalfOf } from '../relay/client.ts'

const handshake = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } }

test('a stream that breaks ends the call that waits, and the next one has another connection', async () => {
  let streams = 0
  let stream: ServerResponse | undefined
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      streams += 1
      stream = response.writeHead(200, { 'content-type': 'text/event-stream' })
      stream.write(`event: endpoint\ndata: /messages?session=${streams}\n\n`)
      return
    }
    let text = ''
    for await (const chunk of request) text += chunk
    response.writeHead(202).end()
    const { id, method } = JSON.parse(text)
    if (method === 'tools/call' && streams === 1) return void stream?.destroy()
    const result = method === 'initialize' ? handshake : {}
    if (id !== undefined) stream?.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await using upstream = testUpstream(remoteSettings(`http://127.0.0.1:${port}/sse`, { transport: 'sse' }))
  const behalf = behalfOf(testClient('2025'))
  const call = { method: 'tools/call', params: { name: 'x' } }
  await expect(upstream.request(call, behalf)).rejects.toMatchObject({ fault: 'interrupted' })
  await expect.poll(() => upstream.request(call, behalf).catch(({ fault }) => fault), { timeout: 5_000 }).toEqual({})
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})
