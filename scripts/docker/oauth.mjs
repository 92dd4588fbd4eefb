// What a client does over the wire: discover, register, ask for tokens, call a tool. No library, so that the test sees
// every answer as it comes.
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { createPerson } from './person.mjs'

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const SCOPE = 'mcp:tools:read mcp:tools:call'

/** Finds the authorization server as a client does that knows the MCP server's address alone. */
export async function discover(resource) {
  const refused = await ask(resource, { method: 'POST' })
  const metadataUrl = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate'))[1]
  const {
    authorization_servers: [issuer],
  } = await json(metadataUrl)
  return { resource, ...(await json(`${issuer}/.well-known/oauth-authorization-server`)) }
}

export async function startDevice(server) {
  const { client_id } = await register(server, {
    grant_types: [DEVICE_GRANT, 'refresh_token'],
    response_types: [],
    redirect_uris: [],
  })
  const answer = await post(server.device_authorization_endpoint, {
    client_id,
    scope: SCOPE,
    resource: server.resource,
  })
  const { device_code, interval, verification_uri_complete: link } = answer
  return { client_id, device_code, interval, link, userCode: answer.user_code }
}

/** Polls as often as the server allows until there is an answer. */
export async function collect(server, { client_id, device_code, interval }) {
  for (let tries = 0; tries < 8; tries++) {
    const answer = await post(server.token_endpoint, { grant_type: DEVICE_GRANT, client_id, device_code })
    if (!['authorization_pending', 'slow_down'].includes(answer.error)) return { client_id, ...answer }
    await wait(interval * 1000 + 100)
  }
  throw new Error('the device is still told to wait')
}

/** Opens the link and confirms the code: what comes next is the page with Sign in. */
export async function openDeviceLogin(server, { link }) {
  const person = createPerson(server.issuer)
  const entry = await person.visit(link)
  return { person, login: await person.press(entry, 'Continue') }
}

/** Signs in as well: what is left is the page with Approve. */
export async function signInAtDevice(server, device, name) {
  const { person, login } = await openDeviceLogin(server, device)
  return { person, approval: await person.press(login, 'Sign in', { fields: { name } }) }
}

export async function logInWithDevice(server, name) {
  const device = await startDevice(server)
  const { person, approval } = await signInAtDevice(server, device, name)
  await person.press(approval, 'Approve')
  return collect(server, device)
}

/** Authorization code with PKCE, as a desktop client does it that registers itself. */
export async function logInWithCode(server, name) {
  const redirect_uri = 'http://127.0.0.1:53682/callback'
  const { client_id } = await register(server, {
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [redirect_uri],
  })
  const code_verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(8).toString('hex')
  const request = new URL(server.authorization_endpoint)
  request.search = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri,
    scope: SCOPE,
    resource: server.resource,
    state,
    code_challenge: createHash('sha256').update(code_verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const person = createPerson(server.issuer)
  const login = await person.visit(request)
  const consent = await person.press(login, 'Sign in', { fields: { name } })
  const { url } = await person.press(consent, 'Approve')
  if (url.searchParams.get('state') !== state) throw new Error(`state is lost: ${url.origin}${url.pathname}`)
  const code = url.searchParams.get('code')
  const form = {
    grant_type: 'authorization_code',
    client_id,
    redirect_uri,
    code,
    code_verifier,
    resource: server.resource,
  }
  return { client_id, ...(await post(server.token_endpoint, form)) }
}

export function refresh(server, { client_id, refresh_token }) {
  return post(server.token_endpoint, {
    grant_type: 'refresh_token',
    client_id,
    refresh_token,
    resource: server.resource,
  })
}

/** The greeting, or an error with the status. */
export async function greet(server, { access_token }, name) {
  const response = await ask(server.resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'greet', arguments: { name } },
    }),
  })
  const body = await response.text()
  const greeting = /Hello, [^"\\]*/.exec(body)?.[0]
  if (!greeting) throw new Error(`greet: ${response.status} ${body.slice(0, 300)}`)
  return greeting
}

export function ask(url, options) {
  return fetch(url, { signal: AbortSignal.timeout(10_000), ...options })
}

async function register(server, metadata) {
  const answer = await json(server.registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Docker test', token_endpoint_auth_method: 'none', ...metadata }),
  })
  if (!answer.client_id) throw new Error(`registration: ${JSON.stringify(answer)}`)
  return answer
}

const post = (url, form) => json(url, { method: 'POST', body: new URLSearchParams(form) })

async function json(url, options) {
  const response = await ask(url, options)
  const body = await response.text()
  try {
    return { status: response.status, ...JSON.parse(body) }
  } catch {
    throw new Error(`${url}: ${response.status} ${body.slice(0, 300)}`)
  }
}
