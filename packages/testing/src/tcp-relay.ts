// What the proxies of tests have in common: connections that go through the test, two sockets each that end together. How
// bytes pass is each proxy's own.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface TcpRelay extends AsyncDisposable {
  readonly port: number
  /** Both ends of every connection. */
  readonly sockets: ReadonlySet<Socket>
  /** Breaks every connection. New ones are fine. */
  cut(): void
  /** Breaks every connection and takes no new ones. */
  stop(): Promise<void>
  /** Listens again, on the same port, after {@link stop}. */
  restart(): Promise<void>
}

export interface TcpRelayOptions {
  readonly host?: string
  /** By default any that is free. */
  readonly port?: number
  /** Opens the other half of a connection. */
  readonly reach: () => Socket
  /** Hands on what the two say, or not. */
  readonly pass: (client: Socket, upstream: Socket) => void
}

export async function startTcpRelay({
  host = '127.0.0.1',
  port: wanted = 0,
  reach,
  pass,
}: TcpRelayOptions): Promise<TcpRelay> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = reach()
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    pass(client, upstream)
  })
  const listen = async (port: number) => {
    server.listen(port, host)
    await once(server, 'listening')
  }
  await listen(wanted)
  const { port } = server.address() as AddressInfo
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
  return { port, sockets, cut, stop, restart: () => listen(port), [Symbol.asyncDispose]: stop }
}
