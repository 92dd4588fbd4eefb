// Everything the doctor asks, once, in the order in which clients do; the checks only look at what came back.

import { type HeaderChallenge, readChallenge, safeUrl } from '@gatehouse/network'
import { protectedResourceMetadataUrl } from '@gatehouse/shared'
import { buildDiscoveryUrls } from '@modelcontextprotocol/client'
import { pageOrigin } from './clients.ts'
import { type Document, documentIn, listIn, textIn } from './document.ts'
import type { Outcome, Probe } from './probe.ts'
import { probeRegistrations, type RegistrationProbe, type RegistrationScope } from './registrations.ts'

/** A metadata document at one of the places where clients look. */
export interface Place {
  readonly kind: 'named' | 'inserted' | 'root' | 'rfc8414' | 'openid'
  readonly outcome: Outcome
  /** The same asked by a page on another origin. */
  readonly fromPage: Outcome
  readonly document: Document | undefined
}

export interface Evidence {
  /** As typed. */
  readonly url: URL
  /** `initialize` of 2025-11-25 without a token. */
  readonly unauthorized: Outcome
  readonly challenge: HeaderChallenge | undefined
  /** `server/discover` of 2026-07-28 without a token. */
  readonly discover: Outcome
  /** `initialize` with a token that nobody issued. */
  readonly badToken: Outcome
  /** `initialize` without a token, from a page; and the question a browser asks before it. */
  readonly fromPage: Outcome
  readonly preflight: Outcome
  /** RFC 9728: where the challenge says, path-inserted, root; each address once. */
  readonly resourcePlaces: readonly Place[]
  /** The resource metadata that clients use. */
  readonly resource: Document | undefined
  /** The authorization server that clients use; absent where none is named. */
  readonly issuer: string | undefined
  /** RFC 8414 and OpenID Connect Discovery for the issuer. */
  readonly serverPlaces: readonly Place[]
  readonly server: Document | undefined
  /** RFC 8414 on the resource's own host, where older clients and ChatGPT look. */
  readonly onResourceHost: Outcome
  /** A refresh with a client id that nobody registered. */
  readonly unknownClient: Outcome | undefined
  readonly tokenPreflight: Outcome | undefined
  readonly registrationPreflight: Outcome | undefined
  readonly registrations: readonly RegistrationProbe[]
  /** Every answer there was. */
  readonly outcomes: readonly Outcome[]
}

export interface GatherOptions {
  readonly url: URL
  readonly probe: Probe
  readonly register: RegistrationScope
}

const jsonRpc = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const clientInfo = { name: 'gatehouse-doctor', version: '1' }
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
})
const discover = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'server/discover',
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': clientInfo,
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
})

/** The headers that a page's requests carry to an MCP server, in both eras. */
export const pageHeaders = [
  'authorization',
  'content-type',
  'mcp-protocol-version',
  'mcp-session-id',
  'last-event-id',
  'mcp-method',
  'mcp-name',
] as const

export async function gather({ url, probe: ask, register }: GatherOptions): Promise<Evidence> {
  const outcomes: Outcome[] = []
  const probe: Probe = async (address, question) => {
    const outcome = await ask(address, question)
    outcomes.push(outcome)
    return outcome
  }
  const post = (body: string, headers: Record<string, string> = {}) =>
    probe(url.href, { method: 'POST', body, headers: { ...jsonRpc, ...headers } })
  const preflightOf = (address: string | undefined, headers: string) =>
    isSafe(address) ? probe(address, { method: 'OPTIONS', headers: preflight(headers) }) : undefined

  const unauthorized = await post(initialize)
  const challenge = unauthorized.answered ? readChallenge(unauthorized.headers.get('www-authenticate')) : undefined
  const discovered = await post(discover, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' })
  const badToken = await post(initialize, { authorization: 'Bearer gatehouse-doctor-nobody-issued-this' })
  const fromPage = await post(initialize, { origin: pageOrigin })
  const pagePreflight = await probe(url.href, { method: 'OPTIONS', headers: preflight(pageHeaders.join(',')) })

  const resourcePlaces = await readPlaces(probe, resourceAddresses(url, challenge))
  const resource = resourcePlaces.find(({ document }) => document)?.document
  const onResourceHost = await probe(`${url.origin}/.well-known/oauth-authorization-server`, fromAPage)
  const issuer = listIn(resource, 'authorization_servers')?.[0] ?? textIn(documentIn(onResourceHost), 'issuer')
  const serverPlaces = await readPlaces(probe, serverAddresses(issuer))
  const server = serverPlaces.find(({ document }) => document)?.document

  const tokenEndpoint = textIn(server, 'token_endpoint')
  const registrationEndpoint = textIn(server, 'registration_endpoint')
  return {
    url,
    unauthorized,
    challenge,
    discover: discovered,
    badToken,
    fromPage,
    preflight: pagePreflight,
    resourcePlaces,
    resource,
    issuer,
    serverPlaces,
    server,
    onResourceHost,
    unknownClient: isSafe(tokenEndpoint) ? await probe(tokenEndpoint, refreshOfNobody) : undefined,
    tokenPreflight: await preflightOf(tokenEndpoint, 'content-type'),
    registrationPreflight: await preflightOf(registrationEndpoint, 'content-type'),
    registrations: isSafe(registrationEndpoint)
      ? await probeRegistrations(registrationEndpoint, {
          probe,
          register,
          grants: listIn(server, 'grant_types_supported'),
          scope: challenge?.parameters.scope ?? listIn(resource, 'scopes_supported')?.join(' '),
        })
      : [],
    outcomes,
  }
}

const fromAPage = { headers: { origin: pageOrigin } }

const refreshOfNobody = {
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: String(
    new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: 'gatehouse-doctor-nobody-issued-this',
      client_id: 'gatehouse-doctor-nobody-registered-this',
    }),
  ),
} as const

function preflight(headers: string): Record<string, string> {
  return {
    origin: pageOrigin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': headers,
  }
}

type Address = readonly [Place['kind'], string]

function resourceAddresses(url: URL, challenge: HeaderChallenge | undefined): Address[] {
  const named = challenge?.parameters.resource_metadata
  return [
    ...(named !== undefined && URL.canParse(named) ? [['named', named] as const] : []),
    ['inserted', protectedResourceMetadataUrl(url.href)],
    ['root', protectedResourceMetadataUrl(url.origin)],
  ]
}

function serverAddresses(issuer: string | undefined): Address[] {
  if (!isSafe(issuer)) return []
  return buildDiscoveryUrls(new URL(issuer)).map(({ url, type }) => [type === 'oauth' ? 'rfc8414' : 'openid', url.href])
}

/**
 * Asked as a page asks, so that one answer tells about CORS too; again without an origin where the server refuses the
 * page. An address that comes twice is asked once.
 */
async function readPlaces(probe: Probe, addresses: readonly Address[]): Promise<Place[]> {
  const places: Place[] = []
  for (const [kind, address] of addresses) {
    if (places.some(({ outcome }) => outcome.url === address)) continue
    const fromPage = await probe(address, fromAPage)
    const outcome = fromPage.answered && fromPage.status === 403 ? await probe(address) : fromPage
    places.push({ kind, outcome, fromPage, document: documentIn(outcome) })
  }
  return places
}

/** Whether an address may be asked at all; that it may not is a finding of its own. */
function isSafe(address: string | undefined): address is string {
  try {
    return address !== undefined && safeUrl(address, 'metadata') !== undefined
  } catch {
    return false
  }
}
