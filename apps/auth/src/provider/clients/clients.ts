// Which clients there are and what they may be: those an operator wrote into a file, and those that registered
// themselves (RFC 7591). One policy for both, applied before the engine's own schema sees the metadata.

import { createHash, timingSafeEqual } from 'node:crypto'
import { isSubject, parseScope, personalScopes } from '@gatehouse/shared'
import { type ClientMetadata, errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { ClientPolicy } from '../../config.ts'
import { claimsOurWord } from '../../pages/app-name.ts'
import { dropUnused, keepMaxAge, MAX_AGE } from './unused-metadata.ts'

/** Members of our own that travel with a client's metadata and are never shown to it. */
export const REGISTRATION = 'gatehouse_registration'
export const SCOPE_LIMIT = 'gatehouse_scope'
/** In the operator's file: this client's device flow is GitHub's own (device-relay.ts). */
export const GITHUB_DEVICE_FLOW = 'github_device_flow'
/** In the operator's file: the resource whose server this client is, and whose tokens it may introspect. */
export const RESOURCE_SERVER = 'resource_server'
const OPERATOR_METADATA = [SCOPE_LIMIT, GITHUB_DEVICE_FLOW, RESOURCE_SERVER]
export const OWN_METADATA = [REGISTRATION, MAX_AGE, ...OPERATOR_METADATA]

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
/** For a client that names none: without refresh its people would have to sign in again and again. */
export const DEFAULT_GRANTS = ['authorization_code', 'refresh_token']
export const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post'] as const
/** Scopes of no resource: what they are for is the authorization server's own. */
export const OPENID_SCOPES: readonly string[] = ['openid', ...personalScopes, 'offline_access']
/** The first for whoever names none (OpenID Connect Core §15.1). */
export const ID_TOKEN_ALGORITHMS = ['RS256', 'ES256'] as const
const PERSONAL_GRANTS = ['authorization_code', 'refresh_token', DEVICE_CODE]
const FORBIDDEN_SCHEMES = new Set([
  'javascript:',
  'data:',
  'vbscript:',
  'file:',
  'blob:',
  'about:',
  'ftp:',
  'ws:',
  'wss:',
])
/** What the engine takes for an e-mail address. */
const EMAIL = /^[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)*$/i
/** `all` is of a registration as JSON: so much a stranger can make us keep. */
const LIMITS = { client_name: 128, uri: 2_048, uris: 32, all: 4_096 }
/** What clients are told that the policy keeps from the device flow. */
export const NO_DEVICE_FLOW = 'sign-in by device code is for clients that the operator of this server registered'

type Metadata = Record<string, unknown>
type ClientLike = object

/** The scopes that the operator limited this client to; undefined for "what the resource offers". */
export function registeredScope(client: ClientLike): ReadonlySet<string> | undefined {
  const limit = (client as Metadata)[SCOPE_LIMIT]
  return typeof limit === 'string' ? parseScope(limit) : undefined
}

/** Whether the operator vouches for this client, rather than the client for itself. */
export function isOperatorRegistered(client: ClientLike): boolean {
  return (client as Metadata)[REGISTRATION] === 'static'
}

/** The host of a client id metadata document, which vouches for what the document says. */
export function vouchingHost(client: ClientLike): { readonly verifiedHost?: string } {
  const { [REGISTRATION]: registration, clientId } = client as Metadata
  return registration === 'document' ? { verifiedHost: new URL(String(clientId)).host } : {}
}

/** A token without a person is for clients that an operator registered with a secret, and for nobody else. */
export function mayUseClientCredentials(client: ClientLike): boolean {
  return isOperatorRegistered(client) && (client as Metadata).clientAuthMethod !== 'none'
}

/** The engine's `extraClientMetadata.validator`: the one place where all clients pass, before the engine's schema. */
export function normaliseClient(ctx: KoaContextWithOIDC | undefined, metadata: Metadata, policy: ClientPolicy): void {
  if (ctx?.oidc?.route === 'registration') {
    metadata[REGISTRATION] = 'dynamic'
    refuseOurWord(metadata)
  }
  const operator = metadata[REGISTRATION] === 'static'
  // what only an operator can grant is not taken from a registration, nor from a document
  if (!operator) for (const granted of OPERATOR_METADATA) delete metadata[granted]
  dropEmpty(metadata)
  if (!operator) dropUnused(metadata)
  keepMaxAge(metadata)
  checkText(metadata)
  checkAuthMethod(metadata)
  checkRedirects(metadata, policy)
  checkLogoutRedirects(metadata, policy)
  if (metadata[REGISTRATION] === 'dynamic' && JSON.stringify(metadata).length > LIMITS.all)
    throw new errors.InvalidClientMetadata(`the metadata has more than ${LIMITS.all} characters`)
  keepSupported(metadata, operator ? [...PERSONAL_GRANTS, 'client_credentials'] : unverifiedGrants(policy))
  keepAddresses(metadata)
  limitScope(metadata, operator)
}

function unverifiedGrants({ unverified }: ClientPolicy): readonly string[] {
  return unverified === 'allow' ? PERSONAL_GRANTS : PERSONAL_GRANTS.filter((grant) => grant !== DEVICE_CODE)
}

function dropEmpty(metadata: Metadata): void {
  for (const [name, value] of Object.entries(metadata)) if (value === null || value === '') delete metadata[name]
}

/** In a registration alone: what is stored or fetched is judged where it is shown, and must not end a sign-in. */
function refuseOurWord({ client_name: name }: Metadata): void {
  if (typeof name === 'string' && claimsOurWord(name))
    throw new errors.InvalidClientMetadata(
      'client_name: "verified", "administrator", "approved by" and the like are for this server to say, not for the name of an app',
    )
}

function checkText(metadata: Metadata): void {
  const name = metadata.client_name
  if (typeof name === 'string' && name.length > LIMITS.client_name)
    metadata.client_name = name.slice(0, LIMITS.client_name)
  for (const member of ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri', 'jwks_uri']) {
    const value = metadata[member]
    if (value === undefined) continue
    const url = typeof value === 'string' && value.length <= LIMITS.uri ? URL.parse(value) : null
    const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && member !== 'jwks_uri')
    if (!url || !secure) throw new errors.InvalidClientMetadata(`${member} must be a web address`)
  }
}

/** The engine would ask for the keys of a method that we do not have before it says so. */
function checkAuthMethod({ token_endpoint_auth_method: method }: Metadata): void {
  if (method !== undefined && !(AUTH_METHODS as readonly unknown[]).includes(method))
    throw new errors.InvalidClientMetadata(`token_endpoint_auth_method must be one of ${AUTH_METHODS.join(', ')}`)
}

function checkRedirects(metadata: Metadata, { redirectSchemes }: ClientPolicy): void {
  const uris = metadata.redirect_uris
  if (uris === undefined) {
    delete metadata.application_type
    return
  }
  if (!Array.isArray(uris) || uris.length > LIMITS.uris)
    throw invalidRedirect(`must be an array of at most ${LIMITS.uris}`)
  const schemes = metadata[REGISTRATION] === 'static' ? 'any' : redirectSchemes
  const kinds = uris.map((uri) => redirectKind(uri, schemes))
  // Loopback ports are free for native clients alone, and many clients that need it do not say so.
  if (kinds.some((kind) => kind !== 'web')) metadata.application_type = 'native'
  else delete metadata.application_type
}

/** The engine's InvalidRedirectUri has one fixed text; this one becomes `invalid_redirect_uri` by how its text begins. */
function invalidRedirect(why: string): Error {
  return new errors.InvalidClientMetadata(`redirect_uris: ${why}`)
}

/** Throws for an address that a code must never be sent to. */
function redirectKind(uri: unknown, schemes: ReadonlySet<string> | 'any'): 'web' | 'loopback' | 'private' {
  const url = typeof uri === 'string' && uri.length <= LIMITS.uri ? URL.parse(uri) : null
  // URL parsers forgive spaces, controls and backslashes; an exact comparison later would not be of what was checked here
  if (!url || typeof uri !== 'string' || /[\s\\\p{Cc}]|%00|^\/\//u.test(uri))
    throw invalidRedirect('each must be an absolute URI')
  // nor missing slashes, nor too many, nor an empty user: "https:x", "https:///x" and "https://@x/" all are https://x/ to them
  const [, authority = ''] = /^[^/?#]*:\/\/([^/?#]*)/.exec(uri) ?? []
  if (!authority && /^https?:$/.test(url.protocol))
    throw invalidRedirect(`write ${url.protocol}// and the host after it`)
  if (url.hash || uri.includes('#')) throw invalidRedirect('a fragment is not allowed')
  if (authority.includes('@')) throw invalidRedirect('user information is not allowed')
  if (FORBIDDEN_SCHEMES.has(url.protocol)) throw invalidRedirect(`${url.protocol} is not allowed`)
  if (url.hostname.includes('*')) throw invalidRedirect('wildcards are not allowed')
  if (url.protocol === 'https:') return 'web'
  if (url.protocol === 'http:') {
    if (isLoopback(url.hostname)) return 'loopback'
    throw invalidRedirect('http is for this computer alone (localhost, 127.0.0.1, [::1]); use https')
  }
  const reverseDomain = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:$/.test(url.protocol)
  if (schemes !== 'any' && !reverseDomain && !schemes.has(url.protocol)) {
    throw invalidRedirect(
      `the scheme ${url.protocol} must be a reversed domain name, such as com.example.app:, or be admitted by the operator (AUTH_REDIRECT_SCHEMES)`,
    )
  }
  return 'private'
}

/** Where people may be sent after they signed out: no worse an address than one that gets codes. */
function checkLogoutRedirects(metadata: Metadata, { redirectSchemes }: ClientPolicy): void {
  const uris = metadata.post_logout_redirect_uris
  if (uris === undefined) return
  if (!Array.isArray(uris) || uris.length > LIMITS.uris)
    throw new errors.InvalidClientMetadata(`post_logout_redirect_uris must be an array of at most ${LIMITS.uris}`)
  for (const uri of uris) redirectKind(uri, metadata[REGISTRATION] === 'static' ? 'any' : redirectSchemes)
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
}

/** Removes what we do not offer: RFC 7591 §2 lets a server do so, and the answer shows what is left. */
function keepSupported(metadata: Metadata, grants: readonly string[]): void {
  const wanted = Array.isArray(metadata.grant_types) ? metadata.grant_types : DEFAULT_GRANTS
  const kept = grants.filter((grant) => wanted.includes(grant))
  if (kept.length === 0 || (kept.length === 1 && kept[0] === 'refresh_token')) {
    if (wanted.includes(DEVICE_CODE)) throw new errors.InvalidClientMetadata(`grant_types: ${NO_DEVICE_FLOW}`)
    throw new errors.InvalidClientMetadata(`grant_types must name one of ${grants.join(', ')}`)
  }
  const redirects = Array.isArray(metadata.redirect_uris) && metadata.redirect_uris.length > 0
  const responses = Array.isArray(metadata.response_types) ? metadata.response_types : ['code']
  const code = redirects && kept.includes('authorization_code') && responses.includes('code')
  if (!code && !kept.some((grant) => grant === DEVICE_CODE || grant === 'client_credentials')) {
    throw invalidRedirect('must have members for the authorization code grant')
  }
  metadata.grant_types = code ? kept : kept.filter((grant) => grant !== 'authorization_code')
  metadata.response_types = code ? ['code'] : []
  if (!redirects) metadata.redirect_uris = []
  delete metadata.require_auth_time
  delete metadata.default_acr_values
  if (!(ID_TOKEN_ALGORITHMS as readonly unknown[]).includes(metadata.id_token_signed_response_alg))
    delete metadata.id_token_signed_response_alg
  delete metadata.response_modes
  // the engine would fetch it, and it means nothing where subjects are the same for all clients
  delete metadata.sector_identifier_uri
}

/** RFC 7591 §2: contacts are typically e-mail addresses. The engine would refuse the client for a link or a number. */
function keepAddresses(metadata: Metadata): void {
  const { contacts } = metadata
  if (Array.isArray(contacts))
    metadata.contacts = contacts.filter((contact) => typeof contact !== 'string' || EMAIL.test(contact))
}

/** Scopes of resources are not the engine's business: an operator's limit is kept aside, a client's own wish dropped. */
function limitScope(metadata: Metadata, operator: boolean): void {
  const scopes = [...parseScope(typeof metadata.scope === 'string' ? metadata.scope : undefined)]
  if (operator && scopes.length > 0 && metadata[SCOPE_LIMIT] === undefined) {
    metadata[SCOPE_LIMIT] = scopes.filter((scope) => !OPENID_SCOPES.includes(scope)).join(' ')
  }
  delete metadata.scope
}

/** Refuses ids that could be mistaken for a person in the `sub` of a token. */
export function assertClientId(clientId: string): void {
  if (isSubject(clientId)) throw new errors.InvalidClientMetadata("client_id may not begin like a person's subject")
}

/**
 * What is kept of a client secret: a hash. Secrets are random and long (ours) or at least 16 characters by rule (an
 * operator's), so a fast hash is enough; it is not a password's.
 */
function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** Compares in constant time a secret as presented with what {@link hashSecret} made. */
export function secretMatches(hashed: string | undefined, presented: string): boolean {
  const expected = Buffer.from(hashed ?? '')
  const actual = Buffer.from(hashSecret(presented))
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

/** Client metadata as the store and the engine hold it: the hash in place of the secret. */
export function withHashedSecret(metadata: ClientMetadata): ClientMetadata {
  return metadata.client_secret === undefined
    ? metadata
    : { ...metadata, client_secret: hashSecret(metadata.client_secret) }
}
