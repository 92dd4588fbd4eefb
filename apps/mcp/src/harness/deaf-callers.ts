// For tests: callers who ask for much and read nothing of it, and what that costs the server's process.
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

export interface DeafCaller extends Disposable {
  /** Sends one more request, on a connection of its own. */
  post(message: unknown, headers?: Readonly<Record<string, string>>): Promise<void>
  /** Begins a message of a megabyte, and keeps its last bytes to itself. */
  begin(): Promise<void>
  get(headers: Readonly<Record<string, string>>): Promise<void>
  /** How many connections the server has not ended yet. */
  readonly open: () => number
}

/** Its connections never read a byte. */
export function createDeafCaller(resource: string, token: string): DeafCaller {
  const { host, port, pathname } = new URL(resource)
  const sockets = new Set<Socket>()
  let open = 0

  async function send(method: string, headers: Readonly<Record<string, string>>, body = '', kept = 0): Promise<void> {
    const socket = connect(Number(port), 'localhost').pause()
    sockets.add(socket)
    await once(socket, 'connect')
    open += 1
    // What never reads does not see an end either; a reset it does.
    socket
      .on('error', () => undefined)
      .on('close', () => {
        open -= 1
      })
    const lines = Object.entries({ host, authorization: `Bearer ${token}`, ...headers }).map(([k, v]) => `${k}: ${v}`)
    socket.write(
      `${method} ${pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body) + kept}\r\n\r\n${body}`,
    )
  }

  return {
    post: (message, headers) =>
      send(
        'POST',
        { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
        JSON.stringify(message),
      ),
    begin: () => send('POST', { 'content-type': 'application/json' }, '"'.padEnd(1_000_000, 'x'), 10),
    get: (headers) => send('GET', { accept: 'text/event-stream', ...headers }),
    open: () => open,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Megabytes that a process has in memory at most, since it began (Linux). */
export function peakMemoryOf(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kilobytes) / 1024)
}

/** Gives a process no more than so many megabytes, where this machine lets us; beyond it the kernel ends the process. */
export function memoryLimited(pid: number, megabytes: number): Disposable {
  const group = `/sys/fs/cgroup/memory/gatehouse-${pid}`
  try {
    mkdirSync(group)
    writeFileSync(`${group}/memory.limit_in_bytes`, String(megabytes * 1_048_576))
    writeFileSync(`${group}/cgroup.procs`, String(pid))
    return { [Symbol.dispose]: () => rmdirSync(group) }
  } catch {
    return { [Symbol.dispose]: () => undefined }
  }
}
