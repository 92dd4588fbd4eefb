// What the proxies of tests have in common: connections that go through the test, two sockets each that end together. How
// bytes pass is each proxy's own.
import { createServer, type Socket } from 'node:net'
import { type Listening, listen } from './listen.ts'

export interface TcpRelay extends Listening {
  /** Both ends of each connection, the client's first. */
  readonly connections: ReadonlySet<readonly [Socket, Socket]>
  /** Breaks every connection, or those of such clients. New ones are fine. */
  readonly cut: (isMeant?: (client: Socket) => boolean) => void
}

export interface TcpRelayOptions {
  readonly host?: string
  /** By default any that is free. */
  readonly port?: number
  /** Opens the other half of a connection. */
  readonly reach: () => Socket
  /** Hands on what the two say, or not. */
  readonly pass: (client: Socket, upstream: Socket) => void
  /** Whether the end of one half is the end of the other, too. By default always. */
  readonly passesEnd?: (client: Socket) => boolean
}

export async function startTcpRelay({
  reach,
  pass,
  passesEnd = () => true,
  ...where
}: TcpRelayOptions): Promise<TcpRelay> {
  const connections = new Set<readonly [Socket, Socket]>()
  const end = (connection: readonly [Socket, Socket]) => {
    connections.delete(connection)
    for (const socket of connection) socket.destroy()
  }
  const server = createServer((client) => {
    const connection = [client, reach()] as const
    connections.add(connection)
    for (const socket of connection) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        if (passesEnd(client)) end(connection)
      })
    }
    pass(...connection)
  })
  const listening = await listen(server, where)
  const cut = (isMeant = (_client: Socket) => true) => {
    for (const connection of connections) if (isMeant(connection[0])) end(connection)
  }
  const stop = async () => {
    cut()
    await listening.stop()
  }
  return { ...listening, connections, cut, stop, [Symbol.asyncDispose]: stop }
}
