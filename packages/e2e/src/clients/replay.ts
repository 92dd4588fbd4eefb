// Sends what a fixture says, from nothing but the server's address to a tool that answers, and judges what comes back as
// strictly as the strictest client does. Anything that client could not go on from throws.
import { createHash, randomBytes } from 'node:crypto'
import type { DocumentHost, Stack } from '@gatehouse/testing'
import { createPerson } from '@gatehouse/testing'
import type { ClientFixture, Probe } from './fixture.ts'

export type Site = Pick<Stack, 'issuer' | 'resource'> & { readonly documents: DocumentHost }

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: Readonly<Record<string, unknown>>
  readonly text: string
}

export interface Discovered {
  /** Scopes that the challenge named. */
  readonly scope: string
  readonly resource: string
  readonly server: Readonly<Record<string, string>>
  readonly grants: readonly string[]
}

export interface Registered {
  readonly clientId: string
  readonly clientSecret?: string
}

type Fields = Readonly<Record<string, string | undefined>>

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: 'manual', ...init })
  const text = await response.text()
  let json: Answer['json'] = {}
  try {
    json = JSON.parse(text) as Answer['json']
  } catch {
    // anyone who needs JSON says so
  }
  return { status: response.status, headers: response.headers, json, text }
}

/** Sends the probes in their order, and follows what they find. */
export async function discover({ issuer, resource }: Site, fixture: ClientFixture): Promise<Discovered> {
  const found = { scope: '', resource: '', server: {} as Record<string, string> }
  for (const probe of fixture.probes) {
    const answer = await send(probe, { issuer, resource }, fixture)
    const fail = (why: string) => new Error(`${probe.method} ${probe.path} at the ${probe.at}: ${why}: ${answer.text}`)
    if (probe.finds === 'challenge') {
      const challenge = answer.headers.get('www-authenticate') ?? ''
      const [, metadata] = /resource_metadata="([^"]+)"/.exec(challenge) ?? []
      if (answer.status !== 401 || !metadata || /error=/.test(challenge)) throw fail(`no challenge (${challenge})`)
      found.scope = /scope="([^"]+)"/.exec(challenge)?.[1] ?? ''
      if ((await ask(metadata)).json.resource !== resource) throw fail('the challenge leads to another resource')
      continue
    }
    if (probe.finds === 'maybe' && answer.status === 404) continue
    if (answer.status !== 200) throw fail(`HTTP ${answer.status}`)
    if (!answer.headers.get('content-type')?.startsWith('application/json')) throw fail('not JSON')
    if (answer.headers.get('access-control-allow-origin') !== '*') throw fail('no page may read it')
    if (probe.path.includes('protected-resource')) {
      if (answer.json.resource !== resource) throw fail('another resource than the typed address')
      if (String(answer.json.authorization_servers) !== issuer) throw fail('another authorization server')
      found.resource = resource
    } else {
      if (answer.json.issuer !== issuer) throw fail('another issuer')
      if (String(answer.json.code_challenge_methods_supported) !== 'S256') throw fail('no S256')
      found.server = answer.json as Record<string, string>
    }
  }
  const grants = found.server.grant_types_supported as unknown as readonly string[]
  return { ...found, grants }
}

function send(probe: Probe, { issuer, resource }: Pick<Site, 'issuer' | 'resource'>, { userAgent }: ClientFixture) {
  const { origin, pathname } = new URL(resource)
  const url = (probe.at === 'resource' ? origin : issuer) + probe.path.replace('{path}', pathname)
  const headers = { 'user-agent': userAgent, accept: 'application/json' }
  if (probe.method === 'GET') return ask(url, { headers })
  const body = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { capabilities: {} } }
  const accept = 'application/json, text/event-stream'
  return ask(url, {
    method: 'POST',
    headers: { ...headers, accept, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

export function register(server: Discovered['server'], body: object, userAgent = 'node'): Promise<Answer> {
  return ask(server.registration_endpoint ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': userAgent },
    body: JSON.stringify(body),
  })
}

/** Becomes a client in the fixture's way. */
export async function identify(site: Site, fixture: ClientFixture, discovered: Discovered): Promise<Registered> {
  const { identity } = fixture
  if (identity.kind === 'document') {
    if (String(discovered.server.client_id_metadata_document_supported) !== 'true') throw new Error('no documents')
    if (!String(discovered.server.token_endpoint_auth_methods_supported).includes('none')) throw new Error('no "none"')
    return { clientId: site.documents.publish(identity.path, identity.metadata) }
  }
  if (identity.kind === 'static') {
    const { client_id: clientId, client_secret: clientSecret } = identity.metadata
    return { clientId, ...(clientSecret && { clientSecret }) }
  }
  const body = identity.body(discovered.grants) as { redirect_uris: readonly string[]; client_name?: string }
  const { status, json, text } = await register(discovered.server, body, fixture.userAgent)
  if (status !== 201) throw new Error(`registration: ${status} ${text}`)
  // clients that compare what they sent with what they got
  for (const [member, sent] of Object.entries({ redirect_uris: body.redirect_uris, client_name: body.client_name })) {
    if (JSON.stringify(json[member]) !== JSON.stringify(sent)) throw new Error(`${member} was changed: ${text}`)
  }
  return {
    clientId: String(json.client_id),
    ...(json.client_secret ? { clientSecret: String(json.client_secret) } : {}),
  }
}

export interface Authorization {
  readonly url: string
  /** As it was asked for. */
  readonly scope: string | undefined
  readonly verifier: string
  readonly state: string
}

/** `changes` of undefined take a parameter out. */
export function authorization(
  fixture: ClientFixture,
  discovered: Discovered,
  { clientId }: Registered,
  changes: Fields = {},
): Authorization {
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const fields: Fields = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: fixture.redirectUri,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state,
    scope: fixture.scope === 'challenge' ? discovered.scope : fixture.scope,
    prompt: fixture.prompt,
    resource: resourceOn('authorize', fixture, discovered),
    ...changes,
  }
  const url = `${discovered.server.authorization_endpoint}?${new URLSearchParams(present(fields))}`
  return { url, scope: fields.scope, verifier, state }
}

/** A person signs in and approves; the address that the browser was sent to. */
export async function approve(site: Site, { url }: Pick<Authorization, 'url'>, name = 'ada'): Promise<URL> {
  const person = createPerson(site)
  await person.open(url)
  if (person.page.heading !== 'Sign in') throw new Error(`${person.page.status}: ${person.page.text}`)
  await person.logIn(name)
  const { leftTo, text } = await person.approve()
  if (!leftTo) throw new Error(text)
  return leftTo
}

/** What came back, judged: the state, the issuer (RFC 9207), the very redirect address. */
export function readCode(
  { issuer }: Site,
  { redirectUri }: ClientFixture,
  { state }: Authorization,
  left: URL,
): string {
  const answered = left.href.split('?')[0]
  if (answered !== redirectUri) throw new Error(`came back to ${answered}`)
  if (left.searchParams.get('state') !== state) throw new Error('another state')
  if (left.searchParams.get('iss') !== issuer) throw new Error(`another issuer: ${left.searchParams.get('iss')}`)
  const code = left.searchParams.get('code')
  if (!code) throw new Error(`no code: ${left.search}`)
  return code
}

export function token(
  fixture: ClientFixture,
  { server }: Discovered,
  { clientId, clientSecret }: Registered,
  fields: Fields,
): Promise<Answer> {
  return ask(server.token_endpoint ?? '', {
    method: 'POST',
    headers: { 'user-agent': fixture.userAgent, accept: 'application/json, application/x-www-form-urlencoded' },
    body: new URLSearchParams(present({ client_id: clientId, client_secret: clientSecret, ...fields })),
  })
}

export function resourceOn(
  leg: ClientFixture['resource']['on'][number],
  { resource: { on, spelled = (address) => address } }: ClientFixture,
  { resource }: Discovered,
): string | undefined {
  return on.includes(leg) ? spelled(resource) : undefined
}

function present(fields: Fields): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined))
}
