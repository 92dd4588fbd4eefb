// What comes over a wire, and how it comes.
import type { Socket } from 'node:net'
import { constants, createGzip, deflateSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { chunk, chunkedHead, plain, rawServer } from '../harness/raw-server.ts'

const events = 'text/event-stream'
const json = 'application/json'
const done = { resultType: 'complete', content: [{ type: 'text', text: 'done – ✓' }] }
const answer = (id: number, result: object = done) => JSON.stringify({ jsonrpc: '2.0', id, result })
const last = chunk('').subarray(0, 5)

type Write = (socket: Socket, id: number) => void

const whole: Readonly<Record<string, Write>> = {
  'an answer in one piece': (socket, id) => socket.write(plain(answer(id))),
  'an answer byte by byte': (socket, id) => {
    socket.write(chunkedHead(json))
    for (const byte of Buffer.from(answer(id))) socket.write(chunk(Buffer.of(byte)))
    socket.write(last)
  },
  'an answer with a mark of its byte order': (socket, id) => socket.write(plain(`\uFEFF${answer(id)}`)),
  'an answer in a list': (socket, id) => socket.write(plain(`[${answer(id)}]`)),
  'an answer with trailers': (socket, id) => {
    socket.write(chunkedHead(json, 'Trailer: x-sum'))
    socket.write(chunk(answer(id)))
    socket.write('0\r\nx-sum: 1\r\n\r\n')
  },
  'an answer after hints of it': (socket, id) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n')
    socket.write(plain(answer(id)))
  },
  'an answer of HTTP/1.0, which ends with its connection': (socket, id) => {
    socket.end(`HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n${answer(id)}`)
  },
  'an answer in gzip': (socket, id) => socket.write(plain(gzipSync(answer(id)), 'Content-Encoding: gzip')),
  'an answer in deflate': (socket, id) => socket.write(plain(deflateSync(answer(id)), 'Content-Encoding: deflate')),
  'a stream': (socket, id) => {
    socket.write(chunkedHead(events))
    socket.write(chunk(`: a comment\r\nevent: message\r\ndata: ${answer(id)}\r\n\r\n`))
    socket.write(last)
  },
  'a stream byte by byte': (socket, id) => {
    socket.write(chunkedHead(events))
    for (const byte of Buffer.from(`\uFEFFdata: ${answer(id)}\r\n\r\n`)) socket.write(chunk(Buffer.of(byte)))
    socket.write(last)
  },
  'a stream of HTTP/1.0': (socket, id) => {
    socket.end(`HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ${answer(id)}\n\n`)
  },
}

test.each(Object.entries(whole))('%s arrives', async (_name, write) => {
  await using server = await rawServer(write)
  expect(await server.call()).toEqual(done)
})

test('what a stream in gzip says in the middle is heard in the middle', async () => {
  const { promise: isHeard, resolve: hear } = Promise.withResolvers<unknown>()
  await using server = await rawServer((socket, id) => {
    const zip = createGzip({ flush: constants.Z_SYNC_FLUSH })
    const say = (message: object) => zip.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
    zip.on('data', (bytes) => socket.write(chunk(bytes)))
    socket.write(chunkedHead(events, 'Content-Encoding: gzip'))
    say({ method: 'notifications/progress', params: { progressToken: id, progress: 1 } })
    void isHeard.then(() => say({ id, result: done }))
  })
  expect(await server.call({ progressToken: 'p', hear })).toEqual(done)
  expect(await isHeard).toMatchObject({ params: { progressToken: 'p', progress: 1 } })
})

const broken: Readonly<Record<string, [Write, object]>> = {
  'an answer that ends before its length': [
    (socket, id) => socket.end(plain(answer(id)).subarray(0, -3)),
    { fault: 'interrupted' },
  ],
  'chunks that end before the last': [
    (socket, id) => {
      socket.write(chunkedHead(json))
      socket.end(chunk(answer(id)))
    },
    { fault: 'interrupted' },
  ],
  'a stream that ends in the middle of an event': [
    (socket, id) => {
      socket.write(chunkedHead(events))
      socket.write(chunk(`data: ${answer(id)}\n`))
      socket.write(last)
    },
    { fault: 'interrupted', message: /may have run/ },
  ],
  'a stream that breaks in the middle of an event': [
    (socket, id) => {
      socket.write(chunkedHead(events))
      socket.end(chunk(`data: ${answer(id)}\n`))
    },
    { fault: 'interrupted', message: /may have run/ },
  ],
  'what is no gzip': [
    (socket, id) => socket.write(plain(answer(id), 'Content-Encoding: gzip')),
    { fault: 'interrupted' },
  ],
  'an encoding that nobody knows': [
    (socket, id) => socket.write(plain(gzipSync(answer(id)), 'Content-Encoding: x-unheard-of')),
    { fault: 'invalid', message: /no MCP message/ },
  ],
  '11 MB in a few bytes': [
    (socket, id) => {
      const large = gzipSync(answer(id, { x: 'x'.repeat(11 * 1024 * 1024) }))
      socket.write(plain(large, 'Content-Encoding: gzip'))
    },
    { fault: 'invalid', message: /10 MB/ },
  ],
  '100, which nobody waited for': [
    (socket, id) => {
      socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      socket.write(plain(answer(id)))
    },
    { fault: 'interrupted' },
  ],
  'what is no HTTP': [(socket) => socket.end('hello\r\n\r\n'), { fault: 'interrupted' }],
}

test.each(Object.entries(broken))('a call that is answered by %s', async (_name, [write, expected]) => {
  await using server = await rawServer(write)
  const { message, ...rest } = expected as { message?: RegExp }
  const error = await server.call().catch((thrown: Error) => thrown)
  expect(error).toMatchObject(rest)
  if (message) expect((error as Error).message).toMatch(message)
  expect(server.calls).toHaveLength(1)
})

test('a call that met the end of its connection is not sent twice', async () => {
  const used = new WeakSet<Socket>()
  await using server = await rawServer((socket, id) => {
    if (used.has(socket)) return socket.destroy()
    used.add(socket)
    return socket.write(plain(answer(id)))
  })
  let sent = 0
  const isBroken = async (): Promise<boolean> => {
    sent += 1
    return server.call().then(
      () => false,
      ({ fault }) => fault === 'interrupted',
    )
  }
  await expect.poll(isBroken).toBe(true)
  expect(server.calls).toHaveLength(sent)
})

test('a connection that its server closes after an answer is not used again', async () => {
  await using server = await rawServer((socket, id) => socket.end(plain(answer(id), 'Connection: close')))
  for (let count = 0; count < 3; count += 1) expect(await server.call()).toEqual(done)
  expect(new Set(server.calls.map(({ connection }) => connection)).size).toBe(3)
})

test.each<[string, Write]>([
  ['JSON', (socket, id) => socket.write(plain(answer(id)))],
  [
    'a stream that ends a little after its answer',
    (socket, id) => {
      socket.write(chunkedHead(events))
      socket.write(chunk(`data: ${answer(id)}\n\n`))
      setImmediate(() => socket.write(last))
    },
  ],
])('a connection serves calls that come one after another: %s', async (_name, write) => {
  await using server = await rawServer(write)
  const isUsedAgain = async (): Promise<boolean> => {
    expect(await server.call()).toEqual(done)
    return new Set(server.calls.map(({ connection }) => connection)).size < server.calls.length
  }
  await expect.poll(isUsedAgain).toBe(true)
})

test('who leaves ends the request', async () => {
  const { promise: isClosed, resolve } = Promise.withResolvers<void>()
  const caller = new AbortController()
  await using server = await rawServer((socket) => {
    socket.on('close', () => resolve())
    caller.abort()
  })
  await expect(server.call({ signal: caller.signal })).rejects.toMatchObject({ fault: 'timeout' })
  await isClosed
})
