// Clients that open many connections and say little on them, as slowhttptest does.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface SlowConnections extends Disposable {
  /** How many the server has not ended yet. */
  readonly open: () => number
  /** What the server said before it ended one, by its first line; '' for nothing. */
  readonly answers: () => ReadonlySet<string>
}

/**
 * Opens `count` connections. Each sends `start` at once, and then a byte every `pause` milliseconds; without `start` it
 * never says anything.
 */
export async function openSlowConnections(
  port: number,
  { count, start, pause = 250 }: { count: number; start?: string; pause?: number },
): Promise<SlowConnections> {
  const sockets: Socket[] = []
  const open = new Set<Socket>()
  const answers = new Map<Socket, string>()
  const openOne = async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    sockets.push(socket)
    open.add(socket)
    answers.set(socket, '')
    socket.on('data', (chunk) => answers.set(socket, answers.get(socket) + String(chunk)))
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
    if (start !== undefined) socket.write(start)
  }
  // not all at once: a server's queue of connections to accept is short
  for (let opened = 0; opened < count; opened += 100)
    await Promise.all(Array.from({ length: Math.min(100, count - opened) }, openOne))
  const stop = new AbortController()
  if (start !== undefined) void drip()
  return {
    open: () => open.size,
    answers: () => new Set(sockets.map((socket) => answers.get(socket)?.split('\r\n')[0] ?? '')),
    [Symbol.dispose]() {
      stop.abort()
      for (const socket of sockets) socket.destroy()
    },
  }

  async function drip(): Promise<void> {
    while (!stop.signal.aborted) {
      await sleep(pause, undefined, { ref: false })
      for (const socket of open) if (socket.writable) socket.write('x')
    }
  }
}
