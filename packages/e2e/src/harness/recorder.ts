// Stands at a service's public address, hands every request on as it is, and keeps it with its answer: to look for what
// must never be in one, and at what other people's programs send.
import { createServer, request as openRequest } from 'node:http'
import type { Readable } from 'node:stream'
import { listen } from '@gatehouse/testing'

export interface Exchange {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly sent: { readonly headers: Headers; readonly body: string }
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

export interface Recorder extends AsyncDisposable {
  /** In the order in which their answers ended. */
  readonly exchanges: readonly Exchange[]
}

/** Listens on a port of localhost, for what listens on another. */
export async function startRecorder(
  port: number,
  target: number,
  seen: (exchange: Exchange) => void = () => undefined,
): Promise<Recorder> {
  const exchanges: Exchange[] = []
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    const [path = '', query] = url.split('?')
    const sent = collect(request)
    const onward = openRequest({ host: 'localhost', port: target, method, path: url, headers, agent: false })
    onward.on('error', () => response.destroy())
    onward.on('response', (answer) => {
      const { statusCode: status = 0, headers: answered } = answer
      const body = collect(answer)
      answer.on('end', () => {
        const about = { method, path, query: new URLSearchParams(query) }
        const exchange = { ...about, sent: { headers, body: sent() }, status, headers: answered, body: body() }
        exchanges.push(exchange)
        seen(exchange)
      })
      response.writeHead(status, { ...answered, connection: 'close' })
      response.flushHeaders()
      answer.pipe(response)
    })
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  const { stop } = await listen(server, { port, host: 'localhost' })
  return {
    exchanges,
    [Symbol.asyncDispose]: stop,
  }
}

/** Keeps what passes; what came so far. */
function collect(stream: Readable): () => string {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}
