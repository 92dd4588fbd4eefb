// Connections that say little, or do not listen: what they may cost, and that the others do not notice.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSlowConnections, verifies } from '@gatehouse/testing'
import { expect, vi } from 'vitest'
import { z } from 'zod'
import { answerOf, requestOf, startMcpServer, type TestServer } from './harness/mcp-server.ts'
import { createBuiltin } from './sources/builtin/builtin.ts'
import { defineTool, text } from './sources/builtin/tools/tool.ts'

const list = requestOf('2025-11-25', 'tools/list').message
const portOf = ({ origin }: TestServer) => Number(new URL(origin).port)

/** A request's head as it is on the wire, without its end. */
const headOf = (server: TestServer, authorization: string) =>
  [
    'POST /mcp HTTP/1.1',
    `Host: ${new URL(server.origin).host}`,
    `Authorization: ${authorization}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
  ].join('\r\n')

verifies('M17', 'what a connection may take is bounded: headers, request, size, silence, and how many', async () => {
  await using server = await startMcpServer()
  const { headersTimeout, requestTimeout, timeout, maxConnections } = server.app.server
  expect({ headersTimeout, requestTimeout, timeout, maxConnections }).toEqual({
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    timeout: 60_000,
    maxConnections: 10_000,
  })
  expect(server.app.initialConfig.bodyLimit).toBe(1_048_576)
  server.app.server.maxConnections = 3
  using many = await openSlowConnections(portOf(server), { count: 10 })
  await vi.waitFor(() => expect(many.open()).toBeLessThanOrEqual(3))
})

verifies(
  'M17',
  'five thousand idle and a thousand slow connections slow nobody down, and are ended',
  async () => {
    await using server = await startMcpServer()
    const port = portOf(server)
    const authorization = `Bearer ${await server.sign()}`
    const head = headOf(server, authorization)
    server.app.server.headersTimeout = 60_000 // until they are all there
    using idle = await openSlowConnections(port, { count: 5_000 })
    using headers = await openSlowConnections(port, { count: 500, start: `${head}\r\nX-Slow: ` })
    using bodies = await openSlowConnections(port, { count: 500, start: `${head}\r\nContent-Length: 1000\r\n\r\n{` })
    const open = () => [idle.open(), headers.open(), bodies.open()]
    const took: number[] = []
    for (let request = 0; request < 100; request += 1) {
      const began = performance.now()
      expect((await server.post(list, { authorization })).status).toBe(200)
      took.push(performance.now() - began)
    }
    expect(open()).toEqual([5_000, 500, 500])
    expect(took.sort((a, b) => a - b)[95], 'milliseconds at the 95th percentile').toBeLessThan(1_000)
    Object.assign(server.app.server, { headersTimeout: 300, requestTimeout: 1_000 })
    await vi.waitFor(() => expect(open()).toEqual([0, 0, 0]), { timeout: 15_000 })
    for (const slow of [headers, bodies]) expect([...slow.answers()]).toEqual(['HTTP/1.1 408 Request Timeout'])
  },
  60_000,
)

verifies(
  'M17',
  'an answer that nobody reads is dropped; one that takes its time is not',
  async () => {
    const go = Promise.withResolvers<void>()
    let calls = 0
    const slow = defineTool({
      name: 'slow',
      title: 'Slow',
      description: 'Waits, then says a lot.',
      scopes: ['mcp:tools:call'],
      input: z.strictObject({ size: z.number() }),
      run: async ({ input: { size } }) => {
        calls += 1
        await go.promise
        return text('x'.repeat(size))
      },
    })
    await using server = await startMcpServer({ source: createBuiltin({ tools: [slow] }) })
    server.app.server.setTimeout(300)
    const call = (size: number) => requestOf('2025-11-25', 'tools/call', { name: 'slow', arguments: { size } }).message
    const body = JSON.stringify(call(20_000_000))
    const deaf = connect(portOf(server), '127.0.0.1').pause()
    try {
      deaf.on('error', () => undefined)
      deaf.write(`${headOf(server, `Bearer ${await server.sign()}`)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      const patient = server.post(call(1), { connection: 'close' })
      await vi.waitFor(() => expect(calls).toBe(2))
      await sleep(1_000) // three times what the quiet may last: both are at work all the while
      const connections = () =>
        new Promise<number>((resolve) => server.app.server.getConnections((_error, count) => resolve(count)))
      expect(await connections()).toBe(2)
      go.resolve()
      expect((await answerOf(await patient)).result).toMatchObject({ content: [{ text: 'x' }] })
      await vi.waitFor(async () => expect(await connections()).toBe(0), { timeout: 10_000 })
    } finally {
      deaf.destroy()
    }
  },
  20_000,
)
