// For tests: a server of 2026-07-28 whose answers to calls are written byte by byte, as no library would write them.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { behalfOf } from '../relay/client.ts'
import type { RemoteUpstream } from '../settings.ts'
import type { Json, Members } from '../upstreams/contract.ts'
import { testClient } from './clients.ts'
import { remoteSettings } from './settings.ts'
import { testUpstream } from './upstreams.ts'

export interface RawServer extends AsyncDisposable {
  /** What calls came, each with the number of its connection. */
  readonly calls: { readonly connection: number; readonly head: string; readonly body: Json }[]
  /** Calls a tool through the gateway's side. */
  call(given?: Parameters<typeof testClient>[1]): Promise<Members>
}

/** `answer` writes to a call with this id, and ends what is to be ended. */
export async function rawServer(
  answer: (socket: Socket, id: number) => void,
  given: Partial<RemoteUpstream> = {},
): Promise<RawServer> {
  const calls: RawServer['calls'] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    const connection = connections
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    let held = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk])
      const at = held.indexOf('\r\n\r\n')
      if (at === -1) return
      const head = held.subarray(0, at).toString()
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
      if (held.length < at + 4 + length) return
      const body = JSON.parse(held.subarray(at + 4, at + 4 + length).toString())
      held = held.subarray(at + 4 + length)
      if (body.method === 'tools/call') {
        calls.push({ connection, head, body })
        answer(socket, body.id)
      } else {
        const result = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} } }
        socket.write(plain(JSON.stringify({ jsonrpc: '2.0', id: body.id, result })))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const upstream = testUpstream(remoteSettings(`http://127.0.0.1:${port}/mcp`, given))
  return {
    calls,
    call: (of = {}) =>
      upstream.request(
        { method: 'tools/call', params: { name: 'x', arguments: {} } },
        behalfOf(testClient('2026', of)),
      ),
    async [Symbol.asyncDispose]() {
      await upstream.close()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** An answer of JSON, with further lines of its head. */
export function plain(body: string | Buffer, ...lines: string[]): Buffer {
  const bytes = Buffer.from(body)
  const head = ['HTTP/1.1 200 OK', 'Content-Type: application/json', `Content-Length: ${bytes.length}`, ...lines]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytes])
}

/** The head of an answer in chunks, and each of them. */
export function chunkedHead(type: string, ...lines: string[]): string {
  return ['HTTP/1.1 200 OK', `Content-Type: ${type}`, 'Transfer-Encoding: chunked', ...lines, '', ''].join('\r\n')
}

export function chunk(bytes: string | Buffer): Buffer {
  const body = Buffer.from(bytes)
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')])
}
