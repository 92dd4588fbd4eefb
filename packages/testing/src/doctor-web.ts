// An MCP server and its authorization server as a web of answers, without a fault, to be broken by a test.

export type Documents = Record<string, unknown>
type Handler = (request: { url: string; headers: Headers; body: string }) => Response

export interface DoctorWeb {
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  /** Answers by method and address; a test replaces them. */
  readonly answers: Map<string, Handler>
  readonly resource: Documents
  readonly server: Documents
  /** The parameters of the challenge; `scheme` is its scheme. */
  readonly challenge: Record<string, string | undefined>
  /** Headers of every answer to a page. */
  readonly cors: Record<string, string>
  /** What has none of these headers: `GET https://…`. */
  readonly closedToPages: Set<string>
  /** What the registration answers besides what it was asked for. */
  readonly registration: Documents
  /** All requests so far: `POST https://…`. */
  readonly asked: string[]
  /** Told the answer's method and address before it is given: a test lets time pass. */
  onAnswer: (what: string) => void
}

export const at = {
  mcp: 'https://mcp.example/mcp',
  inserted: 'https://mcp.example/.well-known/oauth-protected-resource/mcp',
  root: 'https://mcp.example/.well-known/oauth-protected-resource',
  onResourceHost: 'https://mcp.example/.well-known/oauth-authorization-server',
  rfc8414: 'https://auth.example/.well-known/oauth-authorization-server',
  openid: 'https://auth.example/.well-known/openid-configuration',
  token: 'https://auth.example/token',
  register: 'https://auth.example/register',
} as const

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })
}

export function page(status = 200): Response {
  return new Response('<!doctype html><title>App</title>', { status, headers: { 'content-type': 'text/html' } })
}

const allowHeaders =
  'authorization, content-type, mcp-protocol-version, mcp-session-id, last-event-id, mcp-method, mcp-name'

export function createDoctorWeb(): DoctorWeb {
  const answers = new Map<string, Handler>()
  const asked: string[] = []
  const resource: Documents = {
    resource: at.mcp,
    authorization_servers: ['https://auth.example'],
    scopes_supported: ['read'],
    bearer_methods_supported: ['header'],
  }
  const server: Documents = {
    issuer: 'https://auth.example',
    authorization_endpoint: 'https://auth.example/authorize',
    token_endpoint: at.token,
    registration_endpoint: at.register,
    device_authorization_endpoint: 'https://auth.example/device',
    jwks_uri: 'https://auth.example/jwks',
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
  }
  const challenge: Record<string, string | undefined> = {
    scheme: 'Bearer',
    resource_metadata: at.inserted,
    scope: 'read',
  }
  const cors: Record<string, string> = {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': allowHeaders,
    'access-control-expose-headers': 'WWW-Authenticate, Mcp-Session-Id',
  }
  const registration: Documents = {}
  const closedToPages = new Set<string>()

  const unauthorized: Handler = ({ headers }) => {
    const { scheme, ...parameters } = challenge
    const all = headers.has('authorization') ? { error: 'invalid_token', ...parameters } : parameters
    const list = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${value}"`]))
    return json({ error: 'unauthorized' }, 401, { 'www-authenticate': `${scheme} ${list.join(', ')}` })
  }
  answers.set(`POST ${at.mcp}`, unauthorized)
  answers.set(`OPTIONS ${at.mcp}`, () => new Response(null, { status: 204 }))
  for (const place of [at.inserted, at.root]) answers.set(`GET ${place}`, () => json(resource))
  for (const place of [at.rfc8414, at.openid, at.onResourceHost]) answers.set(`GET ${place}`, () => json(server))
  for (const place of [at.token, at.register]) {
    answers.set(`OPTIONS ${place}`, () => new Response(null, { status: 204 }))
  }
  answers.set(`POST ${at.token}`, () => json({ error: 'invalid_client' }, 401))
  answers.set(`POST ${at.register}`, ({ body }) =>
    json(
      {
        ...JSON.parse(body),
        token_endpoint_auth_method: 'none',
        client_id: 'c1',
        registration_client_uri: `${at.register}/c1`,
        registration_access_token: 'manage',
        ...registration,
      },
      201,
    ),
  )
  answers.set(
    `DELETE ${at.register}/c1`,
    ({ headers }) => new Response(null, { status: headers.get('authorization') === 'Bearer manage' ? 204 : 401 }),
  )

  const web: DoctorWeb = {
    answers,
    resource,
    server,
    challenge,
    cors,
    registration,
    closedToPages,
    asked,
    onAnswer: () => {},
    async fetch(url, init) {
      const what = `${init?.method ?? 'GET'} ${url}`
      const headers = new Headers(init?.headers)
      asked.push(what)
      web.onAnswer(what)
      const handler = answers.get(what)
      const response = handler
        ? handler({ url, headers, body: String(init?.body ?? '') })
        : new Response('', { status: 404 })
      const opened = headers.has('origin') && !closedToPages.has(what) ? cors : {}
      for (const [name, value] of Object.entries(opened)) response.headers.set(name, value)
      return response
    },
  }
  return web
}
