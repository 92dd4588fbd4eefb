// For tests: an MCP server that wants to know who calls, and checks what it is told as docs/gateway.md shows it. One of the 2025 era
// gives each session to one caller, and notes who else comes with it.
import { createServer, type IncomingMessage } from 'node:http'
import { freePort, listen } from '@gatehouse/testing'
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose'

export interface KnowingServer extends AsyncDisposable {
  readonly url: string
  /** Method of HTTP and of MCP, and what was said of the caller; undefined: nothing that is true. */
  readonly requests: { readonly method: string; readonly caller: JWTPayload | undefined; readonly raw: unknown }[]
  /** Requests on a session of somebody else. */
  readonly mixed: unknown[]
}

/** `endpoint`: whom it believes, which is known once the gateway has its port. */
export async function startKnowingServer(era: '2025' | '2026', endpoint: () => string): Promise<KnowingServer> {
  const port = await freePort()
  const url = `http://localhost:${port}/mcp`
  const requests: { method: string; caller: JWTPayload | undefined; raw: unknown }[] = []
  const mixed: unknown[] = []
  const sessions = new Map<string, string>()
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined

  async function callerOf({ headers }: IncomingMessage): Promise<JWTPayload | undefined> {
    const issuer = endpoint()
    keys ??= createRemoteJWKSet(new URL('/.well-known/gatehouse/jwks.json', issuer), { cooldownDuration: 0 })
    const terms = { issuer, audience: url, typ: 'gatehouse-caller+jwt', algorithms: ['ES256'] }
    const verified = await jwtVerify(String(headers['gatehouse-caller']), keys, terms).catch(() => undefined)
    return verified?.payload
  }

  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id, method = '' } = text === '' ? {} : JSON.parse(text)
    const caller = await callerOf(request)
    requests.push({ method: `${request.method} ${method}`, caller, raw: request.headers['gatehouse-caller'] })
    if (!caller) return response.writeHead(401).end()
    const session = request.headers['mcp-session-id'] as string | undefined
    const who = `${caller.iss} ${caller.sub} ${caller.client_id}`
    if (session !== undefined && sessions.get(session) !== who) mixed.push({ method, who, of: sessions.get(session) })
    if (era === '2025' && request.method === 'GET')
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n')
    if (request.method !== 'POST') return response.writeHead(era === '2025' ? 200 : 405).end()
    if (id === undefined) return response.writeHead(202).end()
    if (era === '2025' && method === 'server/discover') return response.writeHead(400).end('Bad Request')
    const own: Record<string, string> = {}
    if (method === 'initialize') {
      own['mcp-session-id'] = crypto.randomUUID()
      sessions.set(own['mcp-session-id'], who)
    }
    const results: Record<string, object> = {
      initialize: {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 's', version: '1' },
      },
      'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
      'tools/list': { tools: [{ name: 'whoami', inputSchema: { type: 'object' } }] },
      'tools/call': { content: [{ type: 'text', text: JSON.stringify(caller) }] },
    }
    const result = { ...(era === '2026' && { resultType: 'complete' }), ...results[method] }
    response.writeHead(200, { 'content-type': 'application/json', ...own })
    return response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  const { stop } = await listen(server, { port, host: 'localhost' })
  return {
    url,
    requests,
    mixed,
    [Symbol.asyncDispose]: stop,
  }
}
