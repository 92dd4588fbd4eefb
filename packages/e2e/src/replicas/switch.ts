// What stands in front of the replicas in these tests: one address for all of them, as deploy/haproxy.cfg has it. A new
// connection for each request, the next replica in turn, another one if that refuses the connection, and nothing is ever
// sent twice. Unlike HAProxy it does as the test says: which replica gets the next requests, and which is left alone.
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as openRequest, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { listen } from '@gatehouse/testing'

/** In a request: the number of the replica that is to answer it. Goes no further. */
export const onlyHeader = 'x-test-replica'

export interface Passage {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly replica: number
  /** 0 if the replica broke off. */
  readonly status: number
}

export interface Switch extends AsyncDisposable {
  /** What passed, oldest first. */
  readonly passages: readonly Passage[]
  /** From now on these replicas alone get requests; none named: all. */
  readonly use: (...replicas: readonly number[]) => void
  /** The same but for these. */
  readonly avoid: (...replicas: readonly number[]) => void
  /** Asks each replica for /readyz, and leaves out those that said no twice. `interval` is in milliseconds. */
  readonly checkReadiness: (interval: number) => Disposable
}

/** `targets` are the ports of the replicas, all on 127.0.0.1. */
export async function startSwitch(port: number, targets: readonly number[]): Promise<Switch> {
  const all = targets.map((_, replica) => replica)
  const passages: Passage[] = []
  const failures = new Map<number, number>()
  let used: readonly number[] = all
  let turn = 0

  const inTurn = (only: string | string[] | undefined): readonly number[] => {
    if (only !== undefined) return [Number(only)]
    const ready = used.filter((replica) => (failures.get(replica) ?? 0) < 2)
    // where none is ready, those that live answer themselves
    const candidates = ready.length > 0 ? ready : used
    turn += 1
    return candidates.map((_, index) => candidates[(turn + index) % candidates.length] as number)
  }

  const server = createServer(async (request, response) => {
    const body = await buffer(request).catch(() => undefined)
    if (!body) return response.destroy()
    const { [onlyHeader]: only, connection: _, ...headers } = request.headers
    headers['x-forwarded-for'] ??= '127.0.0.1'
    const [path = ''] = (request.url ?? '').split('?')
    for (const replica of inTurn(only)) {
      const sent = { method: request.method, path: request.url, headers: { ...headers, connection: 'close' } }
      const outcome = await forward(targets[replica] as number, sent, body, response)
      if (outcome === 'refused') continue
      passages.push({ method: request.method ?? '', path, replica, status: outcome })
      return undefined
    }
    response.writeHead(503, { 'x-answered-by': 'switch' }).end()
    return undefined
  })
  const { stop } = await listen(server, { port, host: 'localhost' })

  return {
    passages,
    use: (...replicas) => {
      used = replicas.length > 0 ? replicas : all
    },
    avoid: (...replicas) => {
      used = all.filter((replica) => !replicas.includes(replica))
    },
    checkReadiness: (interval) => {
      const timer = setInterval(() => {
        for (const replica of all) {
          const url = `http://127.0.0.1:${targets[replica]}/readyz`
          const signal = AbortSignal.timeout(1_000)
          void fetch(url, { signal, headers: { connection: 'close' } }).then(
            async (answer) => {
              await answer.body?.cancel()
              failures.set(replica, answer.ok ? 0 : (failures.get(replica) ?? 0) + 1)
            },
            () => failures.set(replica, 2),
          )
        }
      }, interval)
      return {
        [Symbol.dispose]: () => {
          clearInterval(timer)
          failures.clear()
        },
      }
    },
    [Symbol.asyncDispose]: stop,
  }
}

/** The status of the answer; 0 if the replica broke off. */
async function forward(
  port: number,
  sent: { method: string | undefined; path: string | undefined; headers: IncomingMessage['headers'] },
  body: Buffer,
  response: ServerResponse,
): Promise<number | 'refused'> {
  const request = openRequest({ host: '127.0.0.1', port, agent: false, ...sent })
  request.end(body)
  // who hangs up is not waited for
  response.once('close', () => request.destroy())
  try {
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    // what belongs to this connection, not to the one behind us
    const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...headers } = answer.headers
    response.writeHead(answer.statusCode ?? 0, headers)
    for await (const chunk of answer) response.write(chunk)
    response.end()
    return answer.statusCode ?? 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return 'refused'
    if (response.headersSent) response.destroy()
    else response.writeHead(502, { 'x-answered-by': 'switch' }).end()
    return 0
  }
}
