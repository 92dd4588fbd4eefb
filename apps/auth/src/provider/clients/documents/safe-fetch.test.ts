// Against real sockets: what is not fetched is proved by a listener that nobody connected to.
import { createSocket } from 'node:dgram'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { lookup } from 'node:dns/promises'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { type DocumentHost, openDocumentHost, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createNameResolver } from './resolve-name.ts'
import { DocumentFetchError, fetchDocument } from './safe-fetch.ts'

const nobody = { privateHosts: new Set<string>() }
const intranet = { privateHosts: new Set(['localhost']) }
const json = { 'content-type': 'application/json' }

let host: DocumentHost

beforeAll(async () => {
  host = await openDocumentHost()
  setDefaultCACertificates([...getCACertificates('default'), host.certificate])
})
afterAll(() => host[Symbol.asyncDispose]())

async function failure(fetching: Promise<unknown>): Promise<DocumentFetchError> {
  const error = await fetching.then(
    () => 'it was fetched',
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(DocumentFetchError)
  return error as DocumentFetchError
}

/** What a name means, from the first look-up to the last; the last goes on for ever. */
function resolveTo(...answers: readonly (readonly string[])[]) {
  let asked = 0
  const resolveName = async () => {
    asked += 1
    return answers[Math.min(asked, answers.length) - 1] ?? []
  }
  return { options: { ...nobody, resolveName }, asked: () => asked }
}

verifies('C2', 'no address but a public one is fetched from, however it is written', async () => {
  let connections = 0
  const listener = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '::', resolve))
  const { port } = listener.address() as AddressInfo
  const names = [
    ...['127.0.0.1', '127.1', '127.8.9.10', '2130706433', '0x7f000001', '0x7f.1', '017700000001', '0177.0.0.1'],
    ...['0.0.0.0', '0', '10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '198.18.0.1'],
    ...['[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:7f00:1]', '[::127.0.0.1]'],
    ...['[64:ff9b::7f00:1]', '[64:ff9b:1::7f00:1]', '[2002:7f00:1::1]', '[2001:0:7f00:1::1]', '[fe80::1]', '[fc00::1]'],
    ...['[fd00:ec2::254]', '[fec0::1]', '[ff02::1]', '[2001:db8::1]', '[100::1]', '[5f00::1]', '255.255.255.255'],
    ...['224.0.0.1', '240.0.0.1', '192.0.2.1', '１２７.0.0.1', '127。0。0。1', 'localhost', 'LOCALHOST'],
    'app.localhost',
  ]
  for (const name of names) {
    const { kind, message } = await failure(fetchDocument(new URL(`https://${name}:${port}/client`), nobody))
    expect([name, kind, message]).toEqual([name, 'refused', "the document's address is not on the public internet"])
  }
  await new Promise((resolve) => listener.close(resolve))
  expect(connections).toBe(0)
})

verifies(
  'C2',
  'behind a proxy names that are private by themselves are refused, and NO_PROXY loosens nothing',
  async () => {
    const asked: (string | undefined)[] = []
    const proxy = createHttpServer().on('connect', ({ url }, socket) => {
      asked.push(url)
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as AddressInfo
    const proxies = { HTTPS_PROXY: `http://localhost:${port}`, NO_PROXY: 'direct.example' }
    const { options, asked: lookups } = resolveTo(['10.0.0.1'])
    const fetching = (address: string) =>
      failure(fetchDocument(new URL(`https://${address}/client`), { ...options, proxies }))
    for (const inside of ['10.0.0.1', '[::1]', 'vault', 'vault.', 'localhost', 'metadata.google.internal', 'nas.local'])
      expect([inside, (await fetching(inside)).kind]).toEqual([inside, 'refused'])
    expect((await fetching('direct.example')).kind).toBe('refused')
    expect([asked, lookups()]).toEqual([[], 1])
    expect((await fetching('app.example')).kind).toBe('unreachable')
    expect([asked, lookups()]).toEqual([['app.example:443'], 1])
    proxy.close()
  },
)

verifies(['C2', 'C3'], 'one private address among the public ones of a name is enough to refuse it', async () => {
  const before = host.connections()
  const { port } = new URL(host.origin)
  for (const addresses of [['127.0.0.1'], ['93.184.216.34', '127.0.0.1'], ['2606:4700::1111', '::1'], []]) {
    const { options, asked } = resolveTo(addresses)
    const { kind } = await failure(fetchDocument(new URL(`https://rebinding.example:${port}/client`), options))
    expect([addresses, kind, asked()]).toEqual([addresses, 'refused', 1])
  }
  expect(host.connections()).toBe(before)
})

verifies('C3', 'the address that was judged is the one that is connected to: a name is resolved once', async () => {
  const { options, asked } = resolveTo(['93.184.216.34'], ['127.0.0.1'])
  const attempts: string[] = []
  // stops every connection of this test after its look-up: nothing leaves this machine
  const stop = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    socket.on('lookup', (_error, address) => {
      attempts.push(address)
      socket.destroy(new Error('far enough'))
    })
  }
  subscribe('net.client.socket', stop)
  const { port } = new URL(host.origin)
  const before = host.connections()
  const fetching = fetchDocument(new URL(`https://rebinding.example:${port}/client`), options)
  const { kind } = await failure(fetching).finally(() => unsubscribe('net.client.socket', stop))
  expect(kind).toBe('unreachable')
  expect(attempts).toEqual(['93.184.216.34'])
  expect(asked()).toBe(1)
  expect(host.connections()).toBe(before)
})

verifies('C5', 'a name server that never answers holds up nobody else: names are still resolved', async () => {
  const silent = createSocket('udp4')
  let questions = 0
  silent.on('message', () => {
    questions += 1
  })
  await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve))
  const resolveName = createNameResolver([`127.0.0.1:${silent.address().port}`])
  const began = performance.now()
  const fetches = Array.from({ length: 32 }, (_, index) =>
    failure(fetchDocument(new URL(`https://silent-${index}.example/client`), { ...nobody, resolveName })),
  )
  await vi.waitFor(() => expect(questions).toBeGreaterThanOrEqual(64))
  await lookup('localhost')
  expect(performance.now() - began, 'another look-up waited for them').toBeLessThan(900)
  expect(new Set((await Promise.all(fetches)).map(({ kind }) => kind))).toEqual(new Set(['unreachable']))
  expect(performance.now() - began).toBeLessThan(3_500)
  await new Promise<void>((resolve) => silent.close(resolve))
})

verifies('C4', 'a redirect is not followed, wherever it leads', async () => {
  const target = host.publish('/internal', {})
  for (const status of [301, 302, 303, 307, 308]) {
    const url = host.answer('/moved', (_request, response) => response.writeHead(status, { location: target }).end())
    const { kind, message } = await failure(fetchDocument(new URL(url), intranet))
    expect([kind, message]).toEqual(['refused', `the document's address answers with HTTP ${status}`])
  }
  expect(host.requests()).not.toContain('/internal')
})

verifies('C5', 'a document that is compressed, of another type or too big is refused', async () => {
  const cases: readonly (readonly [string, Record<string, string>, Buffer, string])[] = [
    [
      '/gzip',
      { ...json, 'content-encoding': 'gzip' },
      gzipSync(Buffer.alloc(10_000_000)),
      'the document is compressed',
    ],
    ['/brotli', { ...json, 'content-encoding': 'br' }, Buffer.from('x'), 'the document is compressed'],
    ['/html', { 'content-type': 'text/html' }, Buffer.from('{}'), 'the document is not JSON'],
    ['/jsonp', { 'content-type': 'application/jsonp' }, Buffer.from('{}'), 'the document is not JSON'],
    ['/typeless', {}, Buffer.from('{}'), 'the document is not JSON'],
    ['/big', json, Buffer.alloc(16 * 1024 + 1, ' '), 'the document has more than 16384 bytes'],
  ]
  for (const [path, headers, body, why] of cases) {
    const url = host.answer(path, (_request, response) => response.writeHead(200, headers).end(body))
    const { kind, message } = await failure(fetchDocument(new URL(url), intranet))
    expect([path, kind, message]).toEqual([path, 'refused', why])
  }
})

verifies('C5', 'of five megabytes, and of a body without end, no more is read than the limit', async () => {
  let sent = 0
  const pour = (limit: number) => (_request: unknown, response: ServerResponse) => {
    response.writeHead(200, json)
    const chunk = Buffer.alloc(64 * 1024, ' ')
    const more = () => {
      while (sent < limit && !response.destroyed) {
        sent += chunk.length
        if (!response.write(chunk)) return void response.once('drain', more)
      }
      if (!response.destroyed) response.end()
    }
    more()
  }
  for (const limit of [5_000_000, Number.POSITIVE_INFINITY]) {
    sent = 0
    const { message } = await failure(fetchDocument(new URL(host.answer('/pour', pour(limit))), intranet))
    expect(message).toBe('the document has more than 16384 bytes')
    // what the sockets of both ends hold, and no more: the connection is cut
    await vi.waitFor(async () => {
      const before = sent
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(sent).toBe(before)
    })
    expect(sent).toBeLessThan(5_000_000)
  }
})

verifies('C5', 'anyone who is slow is given up after two and a half seconds, at whatever point', async () => {
  const timers: NodeJS.Timeout[] = []
  const slow = [
    host.answer('/silent', () => undefined),
    host.answer('/headers-only', (_request, response) => void response.writeHead(200, json).flushHeaders()),
    host.answer('/drip', (_request, response) => {
      response.writeHead(200, json)
      timers.push(setInterval(() => response.write(' '), 100))
    }),
  ]
  const began = performance.now()
  const failures = await Promise.all(slow.map((url) => failure(fetchDocument(new URL(url), intranet))))
  const took = performance.now() - began
  for (const timer of timers) clearInterval(timer)
  expect(failures.map(({ kind }) => kind)).toEqual(['unreachable', 'unreachable', 'unreachable'])
  expect(took).toBeGreaterThan(2_300)
  expect(took).toBeLessThan(6_000)
})

test('a host that is away for a moment is told from one that says no', async () => {
  for (const [status, kind] of [
    [500, 'unreachable'],
    [503, 'unreachable'],
    [429, 'unreachable'],
    [404, 'refused'],
    [410, 'refused'],
    [204, 'refused'],
  ] as const) {
    const url = host.answer('/status', (_request, response) => response.writeHead(status).end())
    expect([status, (await failure(fetchDocument(new URL(url), intranet))).kind]).toEqual([status, kind])
  }
  const { port } = new URL(host.origin)
  const closed = await failure(fetchDocument(new URL('https://localhost:1/client'), intranet))
  expect(closed.kind).toBe('unreachable')
  // trusted for its names alone
  const other = await failure(
    fetchDocument(new URL(`https://127.0.0.2:${port}/client`), { privateHosts: new Set(['127.0.0.2']) }),
  )
  expect([other.kind, String((other.cause as Error).message)]).toEqual([
    'unreachable',
    expect.stringMatching(/altnames|ECONNREFUSED/),
  ])
})

test('the request says who asks, and nothing of who made us ask', async () => {
  let seen: Record<string, unknown> = {}
  const url = host.answer('/client', (request, response) => {
    seen = { method: request.method, ...request.headers }
    response.writeHead(200, { ...json, 'cache-control': 'public, s-maxage=5, max-age=600' }).end('{}')
  })
  expect(await fetchDocument(new URL(url), intranet)).toEqual({ text: '{}', maxAge: 600 })
  expect(seen).toEqual({
    method: 'GET',
    host: new URL(url).host,
    connection: 'close',
    accept: 'application/json',
    'accept-encoding': 'identity',
    'user-agent': 'gatehouse',
  })
})
