// For tests: an MCP server of 2026-07-28 that asks for a token which its authorization server signed for it, and that can be told to
// take none of before. It keeps what it is sent.
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { freePort, listen } from '@gatehouse/testing'
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose'

export interface CheckingServer extends AsyncDisposable {
  readonly url: string
  readonly received: { readonly headers: IncomingHttpHeaders; readonly text: string }[]
  /** How it answered each time. */
  readonly statuses: number[]
  /** Refuses the tokens that it has seen. */
  revoke(): void
  /** Refuses all. */
  close(isClosed: boolean): void
}

export async function startCheckingServer(issuer: string): Promise<CheckingServer> {
  const port = await freePort()
  const url = `http://localhost:${port}/mcp`
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`), { cooldownDuration: 0 })
  const seen = new Set<string>()
  const revoked = new Set<string>()
  const received: { headers: IncomingHttpHeaders; text: string }[] = []
  const statuses: number[] = []
  let isClosed = false

  async function payloadOf(authorization = ''): Promise<JWTPayload | undefined> {
    const token = authorization.replace(/^Bearer /, '')
    seen.add(token)
    if (isClosed || revoked.has(token)) return undefined
    const verified = await jwtVerify(token, keys, { issuer, audience: url, typ: 'at+jwt' }).catch(() => undefined)
    return verified?.payload
  }

  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    received.push({ headers: request.headers, text })
    const payload = await payloadOf(request.headers.authorization)
    statuses.push(payload ? 200 : 401)
    if (!payload) return response.writeHead(401, { 'www-authenticate': 'Bearer realm="canary-realm"' }).end()
    const { id, method } = text === '' ? {} : JSON.parse(text)
    const results: Record<string, object> = {
      'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
      'tools/list': { tools: [{ name: 'whoami', inputSchema: { type: 'object' } }] },
      'tools/call': { content: [{ type: 'text', text: `I know you as ${payload.client_id}` }] },
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    return response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...results[method] } }))
  })
  const { stop } = await listen(server, { port, host: 'localhost' })
  return {
    url,
    received,
    statuses,
    revoke() {
      for (const token of seen) revoked.add(token)
    },
    close(closed) {
      isClosed = closed
    },
    [Symbol.asyncDispose]: stop,
  }
}
