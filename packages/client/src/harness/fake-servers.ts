// For tests: an authorization server and an MCP server on free ports, as strict as the real ones where it matters here
// (single use, rotation, resource) and as hostile as a test wants. Not part of the library.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Certificate } from '@gatehouse/testing'
import type { McpService } from './mcp-service.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Record<string, string>
}

/** What a test may change, at any time. */
interface Behaviour {
  /** Merged into the RFC 9728 document. */
  resourceMetadata: Record<string, unknown>
  /** Merged into the RFC 8414 document; `undefined` removes a member. */
  serverMetadata: Record<string, unknown>
  /** Merged into the answer to a registration. */
  registration: Record<string, unknown>
  /** Merged into the device authorization answer. */
  deviceAuthorization: Record<string, unknown>
  /** Answers to device polls, in order; when there are no more, the code counts as approved. */
  polls: Answer[]
  /** Merged into answers with new tokens. */
  token: Record<string, unknown>
  /** The status of good answers of the authorization server, by path, where it is not the usual one. */
  status: Record<string, number>
  /** Answer to all further refreshes instead of new tokens. */
  refreshAnswer: Answer | undefined
  /** Milliseconds a refresh takes. */
  refreshDelay: number
  /** Seconds an access token lives. */
  tokenLife: number
  /** What is granted of the scope asked for. */
  grantScope: (asked: string) => string
  /** The methods that need no token. */
  open: (method: string) => boolean
  /** The status that a request without a token gets. */
  unauthorized: number
  /** The methods that need a scope. */
  guarded: string[]
  /** The scope that they need, for the tool or prompt of that name; empty: any. */
  neededScope: (name: string | undefined) => string
  /** The result of `tools/call`. */
  toolResult: unknown
  /** Answers an MCP request in a way of its own; `false`: as ever. `asked` is the method, or `GET`; `id` the message's. */
  raw: (asked: string, response: ServerResponse, id: unknown) => boolean
  subject: string
}

interface Seen {
  readonly path: string
  readonly form: URLSearchParams
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

export interface FakeServers extends AsyncDisposable {
  readonly issuer: string
  readonly mcpUrl: string
  readonly behaviour: Behaviour
  /** The ports that both listen on, on 127.0.0.1. */
  readonly ports: { readonly auth: number; readonly mcp: number }
  /** All requests so far, of both servers. */
  readonly seen: Seen[]
  /** Client ids that are registered; a test may forget them. */
  readonly clients: Set<string>
  seenAt(path: string): Seen[]
  /** Makes the MCP server refuse all access tokens issued so far. */
  revokeAccessTokens(): void
  /** The address of a sign-in that the person approved in the browser. */
  approve(authorizationUrl: string): string
}

export const pending: Answer = { status: 400, body: { error: 'authorization_pending' } }
export const slowDown: Answer = { status: 400, body: { error: 'slow_down' } }

interface Token {
  readonly scope: string
  readonly clientId: string
}

export interface FakeServersOptions {
  /** The names that both go by, over TLS: `https://auth.example`, `https://mcp.example`. Only a proxy finds them. */
  readonly names?: { readonly issuer: string; readonly mcp: string; readonly certificate: Certificate }
  /** Serves MCP to anyone who has a token, instead of the few answers that are here. */
  readonly service?: McpService
}

export async function startFakeServers({ service, names }: FakeServersOptions = {}): Promise<FakeServers> {
  const seen: Seen[] = []
  const clients = new Set<string>(['known-client', 'machine'])
  const accessTokens = new Map<string, Token>()
  const refreshTokens = new Map<string, Token & { family: string }>()
  const deadFamilies = new Set<string>()
  const usedRefreshTokens = new Map<string, string>()
  const codes = new Map<string, Token & { challenge: string; redirectUri: string }>()
  const deviceScopes = new Map<string, string>()
  const behaviour: Behaviour = {
    resourceMetadata: {},
    serverMetadata: {},
    registration: {},
    deviceAuthorization: {},
    polls: [],
    token: {},
    status: {},
    refreshAnswer: undefined,
    refreshDelay: 0,
    tokenLife: 600,
    grantScope: (asked) => asked,
    open: () => false,
    unauthorized: 401,
    guarded: ['tools/call'],
    neededScope: () => '',
    toolResult: { content: [{ type: 'text', text: 'Hello, world!' }] },
    raw: () => false,
    subject: 'dev:ada',
  }

  const auth = await listen(
    async (request) => {
      const answer = await authAnswer(request)
      return answer.status < 300 ? { ...answer, status: behaviour.status[request.path] ?? answer.status } : answer
    },
    seen,
    names,
  )

  async function authAnswer(request: Seen & { method: string }): Promise<Answer> {
    const { path, form } = request
    if (path === '/.well-known/oauth-authorization-server') return { status: 200, body: serverMetadata() }
    if (request.method !== 'POST') return { status: 405, body: {} }
    if (path === '/register') {
      const id = `client-${randomUUID()}`
      clients.add(id)
      return { status: 201, body: { ...JSON.parse(request.body), client_id: id, ...behaviour.registration } }
    }
    if (path === '/revoke') return { status: 200, body: {} }
    const clientId = clientOf(request)
    if (!clients.has(clientId)) return { status: 401, body: { error: 'invalid_client' } }
    if (form.get('resource') !== mcpUrl) return refused('invalid_target')
    if (path === '/device_authorization') return startDevice(form)
    if (path === '/token') return await token(form, clientId)
    return { status: 404, body: {} }
  }

  const raw = ({ path, method, body }: Seen & { method: string }, response: ServerResponse) => {
    if (path !== '/mcp') return false
    const message = method === 'POST' ? (JSON.parse(body) as { method: string; id?: unknown }) : { method }
    return behaviour.raw(message.method, response, message.id)
  }
  const mcp = await listen(async (request) => mcpAnswer(request), seen, { raw, service, ...names })
  const issuer = names?.issuer ?? originOf(auth)
  const mcpOrigin = names?.mcp ?? originOf(mcp)
  const mcpUrl = `${mcpOrigin}/mcp`

  function serverMetadata() {
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      device_authorization_endpoint: `${issuer}/device_authorization`,
      revocation_endpoint: `${issuer}/revoke`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic'],
      authorization_response_iss_parameter_supported: true,
      ...behaviour.serverMetadata,
    }
  }

  function startDevice(form: URLSearchParams): Answer {
    const device_code = randomUUID()
    deviceScopes.set(device_code, form.get('scope') ?? '')
    const body = {
      device_code,
      user_code: 'BDWP-HQTK',
      verification_uri: `${issuer}/device`,
      verification_uri_complete: `${issuer}/device?user_code=BDWP-HQTK`,
      expires_in: 600,
      interval: 1,
      ...behaviour.deviceAuthorization,
    }
    return { status: 200, body }
  }

  async function token(form: URLSearchParams, clientId: string): Promise<Answer> {
    switch (form.get('grant_type')) {
      case 'urn:ietf:params:oauth:grant-type:device_code': {
        const scope = deviceScopes.get(form.get('device_code') ?? '')
        return scope === undefined
          ? refused('invalid_grant')
          : (behaviour.polls.shift() ?? issue(scope, clientId, randomUUID()))
      }
      case 'client_credentials':
        return issue(form.get('scope') ?? '', clientId, undefined)
      case 'authorization_code':
        return redeemCode(form)
      case 'refresh_token':
        return await refresh(form.get('refresh_token') ?? '')
      default:
        return refused('unsupported_grant_type')
    }
  }

  function redeemCode(form: URLSearchParams): Answer {
    const code = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    if (!code || code.redirectUri !== form.get('redirect_uri') || !form.get('code_verifier'))
      return refused('invalid_grant')
    return issue(code.scope, code.clientId, randomUUID())
  }

  /** Rotates without any grace: a token that is used twice ends its whole family, as the strictest servers do. */
  async function refresh(presented: string): Promise<Answer> {
    await delay(behaviour.refreshDelay)
    if (behaviour.refreshAnswer) return behaviour.refreshAnswer
    const replayed = usedRefreshTokens.get(presented)
    if (replayed !== undefined) deadFamilies.add(replayed)
    const found = refreshTokens.get(presented)
    if (!found || deadFamilies.has(found.family)) return refused('invalid_grant')
    refreshTokens.delete(presented)
    usedRefreshTokens.set(presented, found.family)
    return issue(found.scope, found.clientId, found.family)
  }

  function issue(asked: string, clientId: string, family: string | undefined): Answer {
    const scope = behaviour.grantScope(asked)
    const claims = Buffer.from(JSON.stringify({ sub: behaviour.subject, jti: randomUUID() })).toString('base64url')
    const access_token = `e30.${claims}.signature`
    accessTokens.set(access_token, { scope, clientId })
    const refresh_token = family === undefined ? undefined : randomUUID()
    if (family !== undefined && refresh_token) refreshTokens.set(refresh_token, { scope, clientId, family })
    return {
      status: 200,
      body: {
        access_token,
        token_type: 'Bearer',
        expires_in: behaviour.tokenLife,
        scope,
        refresh_token,
        ...behaviour.token,
      },
    }
  }

  function mcpAnswer({ path, method, body, headers }: Seen & { method: string }): Answer | undefined {
    if (path === '/.well-known/oauth-protected-resource/mcp') {
      const document = { resource: mcpUrl, authorization_servers: [issuer], scopes_supported: ['read', 'call', 'more'] }
      return { status: 200, body: { ...document, ...behaviour.resourceMetadata } }
    }
    if (path !== '/mcp') return { status: 404, body: {} }
    const asked = method === 'POST' ? (JSON.parse(body) as { method: string }).method : ''
    const token =
      accessTokens.get(headers.authorization?.replace('Bearer ', '') ?? '') ??
      (behaviour.open(asked) ? { scope: '', clientId: '' } : undefined)
    const place = `resource_metadata="${mcpOrigin}/.well-known/oauth-protected-resource/mcp"`
    if (!token) {
      const challenge = `Bearer ${place}, scope="read call"`
      return { status: behaviour.unauthorized, body: {}, headers: { 'www-authenticate': challenge } }
    }
    if (method !== 'POST') return service ? undefined : { status: 405, body: {} }
    const message = JSON.parse(body) as { id?: unknown; method: string; params: { name?: string } }
    if (message.id === undefined) return service ? undefined : { status: 202, body: undefined }
    if (behaviour.guarded.includes(message.method)) {
      const needed = behaviour.neededScope(message.params.name)
      if (needed.split(' ').some((one) => one && !token.scope.split(' ').includes(one))) {
        const challenge = `Bearer error="insufficient_scope", scope="${needed}", ${place}`
        return { status: 403, body: {}, headers: { 'www-authenticate': challenge } }
      }
    }
    return service ? undefined : { status: 200, body: { jsonrpc: '2.0', id: message.id, ...rpc(message, token) } }
  }

  function rpc({ method, params }: { method: string; params: { name?: string } }, { clientId, scope }: Token) {
    if (method === 'initialize') {
      const serverInfo = { name: 'fake', version: '1' }
      return { result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo } }
    }
    if (method === 'tools/list') {
      const inputSchema = { type: 'object' }
      return {
        result: { tools: ['greet', 'whoami'].map((name) => ({ name, description: `Does ${name}`, inputSchema })) },
      }
    }
    if (method === 'tools/call' && params.name === 'whoami') {
      return { result: { content: [], structuredContent: { subject: behaviour.subject, clientId, scope } } }
    }
    if (method === 'tools/call' && params.name === 'greet') return { result: behaviour.toolResult }
    return { error: { code: -32601, message: `No ${params?.name ?? method}` } }
  }

  return {
    issuer,
    mcpUrl,
    ports: { auth: portOf(auth), mcp: portOf(mcp) },
    behaviour,
    seen,
    clients,
    seenAt: (path) => seen.filter((request) => request.path === path),
    revokeAccessTokens: () => accessTokens.clear(),
    approve(authorizationUrl) {
      const asked = new URL(authorizationUrl).searchParams
      const [code, redirectUri = ''] = [randomUUID(), asked.get('redirect_uri') ?? '']
      const clientId = asked.get('client_id') ?? ''
      codes.set(code, {
        scope: asked.get('scope') ?? '',
        clientId,
        challenge: asked.get('code_challenge') ?? '',
        redirectUri,
      })
      return `${redirectUri}?${new URLSearchParams({ code, state: asked.get('state') ?? '', iss: issuer })}`
    },
    async [Symbol.asyncDispose]() {
      for (const server of [auth, mcp]) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
}

function refused(error: string): Answer {
  return { status: 400, body: { error } }
}

function clientOf({ form, headers }: Seen): string {
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1]
  if (basic !== undefined) return Buffer.from(basic, 'base64').toString().split(':')[0] ?? ''
  return form.get('client_id') ?? ''
}

interface OtherWays {
  readonly raw?: (request: Seen & { method: string }, response: ServerResponse) => boolean
  readonly service?: McpService | undefined
  readonly certificate?: Certificate
}

/** `raw` comes first; where `answer` has none, `service` serves. */
async function listen(
  answer: (request: Seen & { method: string }) => Promise<Answer | undefined>,
  seen: Seen[],
  { raw, service, certificate }: OtherWays = {},
): Promise<Server> {
  const listener = (request: IncomingMessage, response: ServerResponse) => void serve(request, response)
  const server = certificate ? createTlsServer(certificate, listener) : createServer(listener)

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += chunk
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const one = { path: pathname, form: new URLSearchParams(body), body, headers: request.headers }
    seen.push(one)
    const asked = { ...one, method: request.method ?? '' }
    if (raw?.(asked, response)) return
    const found = await answer(asked)
    if (!found) {
      await service?.serve(request, response, body === '' ? undefined : JSON.parse(body))
      return
    }
    const { status, body: json, headers } = found
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(json === undefined ? undefined : JSON.stringify(json))
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${portOf(server)}`
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
