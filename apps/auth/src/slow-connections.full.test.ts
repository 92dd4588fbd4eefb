// Connections that say little: what they may cost, that the others do not notice, and that the process can end.
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { openSlowConnections, verifies } from '@gatehouse/testing'
import { expect, test, vi } from 'vitest'
import { startAuthServer } from './harness/auth-server.ts'
import { logInOnDevice } from './harness/flows.ts'

verifies('M17', 'what a connection may take is bounded: headers, request, silence, and how many', async () => {
  await using server = await startAuthServer()
  const { headersTimeout, requestTimeout, timeout, maxConnections } = server.app.server
  expect({ headersTimeout, requestTimeout, timeout, maxConnections }).toEqual({
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    timeout: 60_000,
    maxConnections: 10_000,
  })
})

verifies(
  'M17',
  'idle and slow connections keep nobody from signing in, and are ended',
  async () => {
    await using server = await startAuthServer()
    const head = (path: string, type: string) =>
      `POST ${path} HTTP/1.1\r\nHost: ${new URL(server.issuer).host}\r\nContent-Type: application/${type}`
    const form = 'x-www-form-urlencoded'
    const start = (path: string, type = form) => `${head(path, type)}\r\nContent-Length: 1000\r\n\r\n{`
    server.app.server.headersTimeout = 60_000 // until they are all there
    using idle = await openSlowConnections(server.port, { count: 1_000 })
    using headers = await openSlowConnections(server.port, { count: 100, start: `${head('/token', form)}\r\nX-Slow: ` })
    using forms = await openSlowConnections(server.port, { count: 100, start: start('/token') })
    using registrations = await openSlowConnections(server.port, { count: 150, start: start('/register', 'json') })
    const all = [idle, headers, forms, registrations]
    const began = performance.now()
    for (let person = 0; person < 10; person += 1) expect(await logInOnDevice(server)).toHaveProperty('access_token')
    expect(performance.now() - began, 'milliseconds for ten sign-ins').toBeLessThan(10_000)
    expect(all.map(({ open }) => open())).toEqual([1_000, 100, 100, 150])

    Object.assign(server.app.server, { headersTimeout: 300, requestTimeout: 1_000 })
    await vi.waitFor(() => expect(all.map(({ open }) => open())).toEqual([0, 0, 0, 0]), { timeout: 15_000 })
    for (const slow of [headers, forms, registrations])
      expect([...slow.answers()]).toEqual(['HTTP/1.1 408 Request Timeout'])
  },
  60_000,
)

verifies('M17', 'who asks and asks and reads no answer is not asked for more, and is ended', async () => {
  await using server = await startAuthServer()
  server.app.server.setTimeout(500)
  const accepted = once(server.app.server, 'connection')
  const deaf = connect(server.port, '127.0.0.1').pause()
  deaf.on('error', () => undefined)
  const [socket] = (await accepted) as [Socket]
  let [asked, unsent] = [0, 0]
  server.app.server.on('request', (_request, response: ServerResponse) => {
    asked += 1
    response.on('finish', () => {
      unsent = Math.max(unsent, socket.writableLength)
    })
  })
  const host = new URL(server.issuer).host
  // Some eighty megabytes of answers.
  deaf.write(`GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(40_000))
  await vi.waitFor(() => expect(socket.destroyed).toBe(true), { timeout: 10_000 })
  expect(unsent).toBeLessThan(1_048_576)
  expect(asked).toBeLessThan(20_000)
  deaf.destroy()
})

test('connections without a request, or with half of one, do not keep the server from closing', async () => {
  for (const said of ['', 'GET / HTTP/1.1\r\nHost: ']) {
    const server = await startAuthServer()
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => undefined)
    socket.write(said)
    await server.get('/livez')
    const began = performance.now()
    await server[Symbol.asyncDispose]()
    expect(performance.now() - began).toBeLessThan(2_000)
    socket.destroy()
  }
})

test('a request that is under way when the server closes is answered; one that never ends is not waited for', async () => {
  const server = await startAuthServer()
  const body = 'client_id=terminal'
  const open = async (length: number) => {
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => undefined)
    const host = new URL(server.issuer).host
    const type = 'Content-Type: application/x-www-form-urlencoded'
    socket.write(`POST /device_authorization HTTP/1.1\r\nHost: ${host}\r\n${type}\r\nContent-Length: ${length}\r\n\r\n`)
    return socket
  }
  const [slow, never] = [await open(body.length), await open(1_000)]
  let answer = ''
  slow.on('data', (chunk) => {
    answer += chunk
  })
  await server.get('/livez')
  const began = performance.now()
  const closed = server.app.close()
  slow.write(body)
  await vi.waitFor(() => expect(answer).toMatch(/^HTTP\/1\.1 200 .*device_code/s))
  await closed
  expect(performance.now() - began).toBeLessThan(8_000)
  await server[Symbol.asyncDispose]()
  for (const socket of [slow, never]) socket.destroy()
}, 20_000)
