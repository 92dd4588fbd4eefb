// For tests: the least server of Streamable HTTP that wants sessions. It counts calls in each of them.
import { randomUUID } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { listen } from '@gatehouse/testing'

interface Session {
  calls: number
  stream: ServerResponse | undefined
}

export interface SessionServer extends AsyncDisposable {
  readonly url: string
  /** By their ids, those that clients ended not included. */
  readonly sessions: ReadonlyMap<string, Session>
  /** How many were ever begun. */
  readonly begun: () => number
  /** Forgets all of them, as a server does that was started again. */
  forget(): void
  /** On the stream of each session. */
  announce(method: string): void
}

export async function startSessionServer(): Promise<SessionServer> {
  const sessions = new Map<string, Session>()
  let begun = 0
  const capabilities = { tools: { listChanged: true } }
  const results: Readonly<Record<string, (session: Session) => object>> = {
    initialize: () => ({ protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 's', version: '1' } }),
    ping: () => ({}),
    'tools/call'(session) {
      session.calls += 1
      return { content: [{ type: 'text', text: JSON.stringify({ count: session.calls }) }] }
    },
  }
  const server = createServer(async (request, response) => {
    const given = request.headers['mcp-session-id']
    const message = (request.method === 'POST' ? await json(request) : {}) as { id?: number; method?: string }
    const id = message.method === 'initialize' ? randomUUID() : String(given)
    if (message.method === 'initialize') {
      begun += 1
      sessions.set(id, { calls: 0, stream: undefined })
    }
    const session = sessions.get(id)
    if (message.method === 'server/discover') return response.writeHead(400).end()
    if (!session) return response.writeHead(404).end()
    if (request.method === 'DELETE') {
      session.stream?.end()
      sessions.delete(id)
      return response.writeHead(200).end()
    }
    if (request.method === 'GET') {
      if (session.stream) return response.writeHead(409).end()
      session.stream = response
      response.on('close', () => {
        session.stream = undefined
      })
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    }
    const result = results[message.method ?? '']?.(session)
    if (message.id === undefined) return response.writeHead(202).end()
    const error = { code: -32_601, message: 'Method not found' }
    response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': id })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, ...(result ? { result } : { error }) }))
  })
  const { origin, stop } = await listen(server)
  return {
    url: `${origin}/mcp`,
    sessions,
    begun: () => begun,
    forget: () => {
      for (const { stream } of sessions.values()) stream?.end()
      sessions.clear()
    },
    announce(method) {
      const event = `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', method })}\n\n`
      for (const { stream } of sessions.values()) stream?.write(event)
    },
    [Symbol.asyncDispose]: stop,
  }
}
