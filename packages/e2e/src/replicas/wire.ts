// A client at wire level: one request, one answer as it came, and how long that took. A request that got no answer at
// all is an answer, too, with status 0.
import { createHash, randomBytes } from 'node:crypto'
import { createPerson, type Person } from '@gatehouse/testing'
import { type Cluster, resourceServer, robot, terminal } from './cluster.ts'

export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const toolScope = 'mcp:tools:read mcp:tools:call'
const redirectUri = 'http://127.0.0.1:53682/callback'
const giveUpMs = 10_000

type Site = Pick<Cluster, 'issuer' | 'resource'>
type Headers = Readonly<Record<string, string>>

export interface Answer {
  readonly status: number
  /** Milliseconds. */
  readonly took: number
  readonly headers: globalThis.Headers
  readonly text: string
  readonly json: Readonly<Record<string, string | undefined>>
}

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const started = performance.now()
  const took = () => performance.now() - started
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(giveUpMs), ...init })
    const text = await response.text()
    return { status: response.status, took: took(), headers: response.headers, text, json: parse(text) }
  } catch (error) {
    return { status: 0, took: took(), headers: new Headers(), text: String(error), json: {} }
  }
}

export function post(
  url: string,
  fields: Readonly<Record<string, string>>,
  headers: Headers = {},
  init: Pick<RequestInit, 'signal'> = {},
): Promise<Answer> {
  return ask(url, { method: 'POST', body: new URLSearchParams(fields), headers, ...init })
}

export interface Device {
  readonly deviceCode: string
  readonly userCode: string
  /** Seconds. */
  readonly interval: number
  readonly poll: (headers?: Headers, init?: Pick<RequestInit, 'signal'>) => Promise<Answer>
}

let devices = 0

/** For a request of somebody at another address each time: one address may not ask without end. */
export function elsewhere(): Headers {
  devices += 1
  return { 'x-forwarded-for': `203.0.${Math.floor(devices / 250) % 250}.${devices % 250}` }
}

export async function askAsDevice({ issuer, resource }: Site, clientId: string = terminal.client_id): Promise<Device> {
  const fields = { client_id: clientId, scope: toolScope, resource }
  const { json } = await expectOk(post(`${issuer}/device_authorization`, fields, elsewhere()))
  const { device_code: deviceCode = '', user_code: userCode = '', interval } = json
  return {
    deviceCode,
    userCode,
    interval: Number(interval),
    poll: (headers, init) =>
      post(
        `${issuer}/token`,
        { grant_type: deviceGrant, client_id: clientId, device_code: deviceCode, resource },
        headers,
        init,
      ),
  }
}

/** The device code that somebody who is signed in, or signs in as `name`, has just approved. */
export async function approvedDevice(site: Site, person: Person = createPerson(site), name = 'ada'): Promise<Device> {
  const device = await askAsDevice(site)
  await person.enterCode(device.userCode)
  if (person.page.heading.startsWith('Sign in')) await person.logIn(name)
  const { heading, text } = await person.approve()
  if (heading !== 'You are signed in on your device') throw new Error(text)
  return device
}

export interface AuthorizationRequest {
  readonly clientId: string
  readonly url: string
  readonly verifier: string
}

export function authorizationRequest(
  { issuer, resource }: Site,
  clientId: string = terminal.client_id,
): AuthorizationRequest {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    scope: toolScope,
    resource,
    state: 'of-the-app',
  })
  return { clientId, url: `${issuer}/authorize?${query}`, verifier }
}

/** The redemption of the code that came back to the app. */
export function redeem(
  { issuer, resource }: Site,
  { clientId, verifier }: AuthorizationRequest,
  returned: URL | undefined,
  headers?: Headers,
): Promise<Answer> {
  const code = returned?.searchParams.get('code') ?? ''
  return post(
    `${issuer}/token`,
    {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      code_verifier: verifier,
      redirect_uri: redirectUri,
      resource,
    },
    headers,
  )
}

export function refresh(
  site: Site,
  refreshToken: string | undefined,
  headers?: Headers,
  clientId: string = terminal.client_id,
): Promise<Answer> {
  return post(
    `${site.issuer}/token`,
    { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken ?? '' },
    headers,
  )
}

export function machineToken({ issuer, resource }: Site): Promise<Answer> {
  return post(`${issuer}/token`, { grant_type: 'client_credentials', resource }, basic(robot))
}

/** What the MCP server's own client learns about a token. */
export function introspect({ issuer }: Site, token: string | undefined): Promise<Answer> {
  return post(`${issuer}/introspect`, { token: token ?? '' }, basic(resourceServer))
}

/** By default as a device does. */
export function register({ issuer }: Site, name = 'Somebody', metadata: object = {}): Promise<Answer> {
  return ask(`${issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...elsewhere() },
    body: JSON.stringify({
      client_name: name,
      grant_types: [deviceGrant, 'refresh_token'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'none',
      ...metadata,
    }),
  })
}

/** Registers an app that gets its codes where {@link authorizationRequest} says. */
export function registerApp(site: Site): Promise<Answer> {
  const metadata = { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] }
  return register(site, 'An app', { ...metadata, redirect_uris: [redirectUri] })
}

/** Calls the tool that says who one is. */
export function whoami(site: Site, token: string | undefined, headers: Headers = {}): Promise<Answer> {
  return call(site, token, 'whoami', {}, headers)
}

export function call(
  { resource }: Site,
  token: string | undefined,
  tool: string,
  parameters: object,
  headers: Headers = {},
): Promise<Answer> {
  return ask(resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: tool, arguments: parameters },
    }),
  })
}

function basic({ client_id: id, client_secret: secret }: typeof robot | typeof resourceServer): Headers {
  return { authorization: `Basic ${btoa(`${id}:${secret}`)}` }
}

async function expectOk(asked: Promise<Answer>): Promise<Answer> {
  const answer = await asked
  if (answer.status < 200 || answer.status > 299) throw new Error(`${answer.status}: ${answer.text}`)
  return answer
}

function parse(text: string): Answer['json'] {
  try {
    return JSON.parse(text) as Answer['json']
  } catch {
    return {}
  }
}
