// A TCP proxy for tests: what is behind it can be away, hang, or lose its connections, without being touched.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface TestProxy extends AsyncDisposable {
  /** The address of what is behind it, with the proxy in its place. */
  readonly url: string
  /** Everything that clients sent. */
  readonly requests: readonly Buffer[]
  /** From now on nothing passes, in either direction, and new connections are taken up and hang. */
  freeze(): void
  thaw(): void
  /** From now on answers are lost: requests arrive, and then the connection breaks. */
  loseAnswers(): void
  keepAnswers(): void
  /** Breaks every connection. New ones are fine. */
  cut(): void
  /** Breaks every connection and takes no new ones. */
  stop(): Promise<void>
  /** Listens again after {@link stop}. */
  restart(): Promise<void>
}

export async function startTestProxy(target: string): Promise<TestProxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const requests: Buffer[] = []
  let isFrozen = false
  let losesAnswers = false

  const server = createServer((client) => {
    const upstream = connect({ host: hostname, port: Number(port) })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      if (isFrozen) socket.pause()
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.on('data', (data) => {
        if (socket === client) requests.push(data)
        if (losesAnswers && socket === upstream) client.destroy()
        else other.write(data)
      })
    }
  })
  const listen = async (wanted: number) => {
    server.listen(wanted, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const own = (server.address() as AddressInfo).port
  const url = new URL(target)
  url.host = `127.0.0.1:${own}`

  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const stop = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    cut()
    await closed
  }

  return {
    url: url.href,
    requests,
    freeze() {
      isFrozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw() {
      isFrozen = false
      for (const socket of sockets) socket.resume()
    },
    loseAnswers() {
      losesAnswers = true
    },
    keepAnswers() {
      losesAnswers = false
    },
    cut,
    stop,
    restart: () => listen(own),
    [Symbol.asyncDispose]: stop,
  }
}
