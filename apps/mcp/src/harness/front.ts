// For tests: what stands in front of the server, or of several replicas of it: one address, and a choice for each request
// of who answers it. Leaves Host, Origin and all else alone, and passes streams on as they come.
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { listen } from '@gatehouse/testing'

export interface Front extends AsyncDisposable {
  /** `http://localhost:<port>` */
  readonly origin: string
  /** Who answers the next requests: a port of this machine. */
  route: (request: IncomingMessage) => number
  /** Breaks all connections that are open, as a network does: without a word. Resolves when clients will have noticed. */
  cut(): Promise<void>
}

export interface FrontOptions {
  readonly port?: number
  /** Headers to send on, in the place of those that came. */
  readonly rewrite?: (headers: IncomingHttpHeaders) => IncomingHttpHeaders | Promise<IncomingHttpHeaders>
}

export async function startFront({ port = 0, rewrite = (headers) => headers }: FrontOptions = {}): Promise<Front> {
  const server = createServer((incoming, outgoing) => {
    const answer = async (): Promise<void> => {
      const upstream = httpRequest({
        host: 'localhost',
        port: front.route(incoming),
        method: incoming.method,
        path: incoming.url,
        headers: await rewrite(incoming.headers),
        agent: false,
      })
      upstream.on('response', (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers)
        outgoing.flushHeaders()
        response.pipe(outgoing)
        response.on('error', () => outgoing.destroy())
      })
      upstream.on('error', () => {
        if (outgoing.headersSent) outgoing.destroy()
        else outgoing.writeHead(502).end()
      })
      outgoing.on('close', () => upstream.destroy())
      incoming.pipe(upstream)
    }
    answer().catch(() => outgoing.destroy())
  })
  const listening = await listen(server, { port, host: 'localhost' })
  const front: Front = {
    origin: listening.origin,
    route: () => {
      throw new Error('nobody answers here yet')
    },
    async cut() {
      listening.cut()
      await wait(20)
    },
    [Symbol.asyncDispose]: listening.stop,
  }
  return front
}
