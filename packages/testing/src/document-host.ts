// A host of client id metadata documents on this machine: real TLS under a certificate of its own, answers that a test
// gives, and a count of what was asked. What fetches from it has to trust `certificate`.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { createCertificate } from './certificate.ts'
import { listen } from './listen.ts'

export interface DocumentHost extends AsyncDisposable {
  /** `https://localhost:<port>`, or `https://<name>` */
  readonly origin: string
  /** PEM. Good for its name, 127.0.0.1 and ::1. */
  readonly certificate: string
  /** TCP connections so far, whether or not a request came through them. */
  readonly connections: () => number
  /** Paths that were asked for, in order. */
  readonly requests: () => readonly string[]
  /** Answers a path from now on with this client's metadata, its `client_id` added. Returns the id. */
  readonly publish: (path: string, metadata: object, headers?: Readonly<Record<string, string>>) => string
  /** Answers a path from now on in whatever way. Returns its address. */
  readonly answer: (path: string, answer: (request: IncomingMessage, response: ServerResponse) => void) => string
  /** Nothing is there any more. */
  readonly remove: (path: string) => void
}

export interface DocumentHostOptions {
  /** What it is called, at a loopback address of its own and port 443: whatever asks has to find it there. */
  readonly name: string
  readonly address: string
}

/** By default `localhost`, at a free port. */
export async function openDocumentHost(at?: DocumentHostOptions): Promise<DocumentHost> {
  const { name, address } = at ?? { name: 'localhost', address: 'localhost' }
  const { cert, key } = await createCertificate([name])
  const answers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>()
  const requests: string[] = []
  let connections = 0
  const server = createServer({ key, cert }, (request, response) => {
    const path = request.url ?? ''
    requests.push(path)
    const answer = answers.get(path)
    if (answer) answer(request, response)
    else response.writeHead(404).end()
  })
  server.on('connection', () => {
    connections += 1
  })
  // anyone who does not trust us, or gave up, is no news
  server.on('tlsClientError', () => undefined)
  const { port, stop } = await listen(server, { port: at ? 443 : 0, host: address })
  const origin = at ? `https://${name}` : `https://localhost:${port}`
  const host: DocumentHost = {
    origin,
    certificate: cert,
    connections: () => connections,
    requests: () => requests,
    publish: (path, metadata, headers = {}) => {
      const body = JSON.stringify({ client_id: origin + path, ...metadata })
      return host.answer(path, (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body)
      })
    },
    answer: (path, answer) => {
      answers.set(path, answer)
      return origin + path
    },
    remove: (path) => {
      answers.delete(path)
    },
    [Symbol.asyncDispose]: stop,
  }
  return host
}
