// The requests whose round trips are counted, in an order in which each has what it needs of those before.
import type { Answer } from '../caller.ts'
import { deviceGrant, robot } from '../servers.ts'
import { type Deployment, redirect, website } from './deployment.ts'

/** Runs a request as one that is measured. */
export type Measured = (name: string, request: () => Promise<Answer>) => Promise<Answer>

type Site = Omit<Deployment, 'redis' | typeof Symbol.asyncDispose>

interface Client {
  readonly client_id: string
  readonly client_secret?: string
}

const operators = { client_id: website.client_id, client_secret: website.client_secret }
const tokenOfRobot = {
  grant_type: 'client_credentials',
  client_id: robot.client_id,
  client_secret: robot.client_secret,
  scope: 'mcp:tools:read mcp:tools:call',
}
const registration = {
  client_name: 'Bench',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token', deviceGrant],
  redirect_uris: [redirect],
}
const accept = 'application/json, text/event-stream'

/** Each of the requests once. Throws if one is answered otherwise than it has to be. */
export async function requestAll(deployment: Site, measured: Measured): Promise<void> {
  const { auth } = deployment
  read(await measured('client_credentials', () => auth.post('/token', tokenOfRobot)))
  await requestOfDevices(deployment, measured, operators)
  await askAboutTokens(deployment, measured, await requestOfApps(deployment, measured, operators))
  const registered = read(await measured('registration', () => auth.postJson('/register', registration)), 201)
  const own: Measured = (name, request) => measured(`${name}, of a registered client`, request)
  await requestOfDevices(deployment, own, { client_id: registered.client_id })
  await requestOfApps(deployment, own, { client_id: registered.client_id })
  await callTools(deployment, measured)
}

async function requestOfDevices({ auth, approveDevice }: Site, measured: Measured, client: Client) {
  const asked = await measured('device authorization', () =>
    auth.post('/device_authorization', { ...client, scope: 'mcp:tools:read mcp:tools:call offline_access' }),
  )
  const { device_code, user_code } = read(asked)
  const poll = () => auth.post('/token', { ...client, grant_type: deviceGrant, device_code })
  const pending = await measured('poll, nobody has decided', poll)
  if (pending.status !== 400 || !pending.text.includes('authorization_pending')) throw otherwise(pending)
  await approveDevice(user_code)
  read(await measured('poll, approved', poll))
}

async function requestOfApps({ auth, allowCode }: Site, measured: Measured, client: Client): Promise<Fields> {
  const fields = await allowCode(client.client_id)
  const { refresh_token } = read(await measured('code', () => auth.post('/token', { ...client, ...fields })))
  const refresh = { ...client, grant_type: 'refresh_token', refresh_token }
  return read(await measured('refresh', () => auth.post('/token', refresh)))
}

async function askAboutTokens({ auth }: Site, measured: Measured, tokens: Fields): Promise<void> {
  const { access_token, refresh_token: token } = tokens
  const ask = (token: string) => () => auth.post('/introspect', { ...operators, token })
  const answers = [
    await measured('introspection, access token', ask(access_token)),
    await measured('introspection, refresh token', ask(token)),
  ]
  for (const answer of answers) if (!answer.text.includes('"active":true')) throw otherwise(answer)
  const revoked = await measured('revocation, refresh token', () => auth.post('/revoke', { ...operators, token }))
  if (revoked.status !== 200) throw otherwise(revoked)
}

async function callTools({ auth, mcp }: Site, measured: Measured): Promise<void> {
  const { access_token } = read(await auth.post('/token', tokenOfRobot))
  const authorization = `Bearer ${access_token}`
  const greet = { name: 'greet', arguments: { name: 'world' } }
  const send = (message: object, headers: Readonly<Record<string, string>>) =>
    mcp.postJson('/mcp', { jsonrpc: '2.0', ...message }, { accept, authorization, ...headers })
  const expectGreeting = (answer: Answer) => {
    if (!answer.text.includes('Hello, world')) throw otherwise(answer)
  }

  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'greet' }
  const message = { id: 1, method: 'tools/call', params: { ...greet, _meta } }
  expectGreeting(await measured('tools/call, 2026-07-28', () => send(message, modern)))

  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
  const opened = await measured('initialize, 2025-11-25', () => send({ id: 1, method: 'initialize', params }, {}))
  const session = String(opened.headers['mcp-session-id'] ?? '')
  if (!session) throw otherwise(opened)
  const legacy = { 'mcp-protocol-version': '2025-11-25', 'mcp-session-id': session }
  await send({ method: 'notifications/initialized' }, legacy)
  const call = () => send({ id: 2, method: 'tools/call', params: greet }, legacy)
  expectGreeting(await measured('tools/call, 2025-11-25 with a session', call))
}

type Fields = Readonly<Record<'access_token' | 'refresh_token' | 'device_code' | 'user_code' | 'client_id', string>>

function read(answer: Answer, status = 200): Fields {
  if (answer.status !== status) throw otherwise(answer)
  return JSON.parse(answer.text)
}

/** Without what it says, where that has tokens in it. */
function otherwise({ status, text }: Answer): Error {
  return new Error(`An answer is other than expected: ${status}${status < 300 ? '' : ` ${text}`}`)
}
