// Where a server of a test listens, and its end: no connection is waited for.
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'

export interface Listening extends AsyncDisposable {
  readonly port: number
  /** `http://<host>:<port>` */
  readonly origin: string
  /** Breaks every connection. New ones are fine. */
  readonly cut: () => void
  /** Breaks every connection and takes no new ones. */
  readonly stop: () => Promise<void>
  /** Listens again, on the same port, after {@link stop}. */
  readonly restart: () => Promise<void>
}

/** Rejects if it cannot listen there. By default on any port that is free. */
export async function listen(
  server: Server,
  { port: wanted = 0, host = '127.0.0.1' }: { readonly port?: number; readonly host?: string } = {},
): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const start = async (port: number) => {
    server.listen(port, host)
    await once(server, 'listening')
  }
  await start(wanted)
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
  return { port, origin: `http://${host}:${port}`, cut, stop, restart: () => start(port), [Symbol.asyncDispose]: stop }
}
