// Which clients there are and what they may be: those an operator wrote into a file, and those that registered
// themselves (RFC 7591). One policy for both, applied before the engine's own schema sees the metadata.

import { isSubject, offlineAccess, parseScope, personalScopes } from '@gatehouse/shared'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { ClientPolicy } from '../../config.ts'
import { claimsOurWord } from '../../pages/app-name.ts'
import { deviceCode } from '../grants/device-code.ts'
import { grantsOpenTo } from '../grants/index.ts'
import { operatorMetadata, registrationMember, scopeLimit } from './own-metadata.ts'
import { checkLogoutRedirects, checkRedirects, InvalidRedirectUrisError, spellRootsBothWays } from './redirects.ts'
import { dropUnused, keepMaxAge } from './unused-metadata.ts'

/**
 * For a client that names none: without refresh its people would have to sign in again and again. They are of use with a
 * redirect only.
 */
export const defaultGrants = ['authorization_code', 'refresh_token']
export const authMethods = ['none', 'client_secret_basic', 'client_secret_post'] as const
/** Scopes of no resource: what they are for is the authorization server's own. */
export const openidScopes: readonly string[] = ['openid', ...personalScopes, offlineAccess]
/** The first for anyone who names none (OpenID Connect Core §15.1). */
export const idTokenAlgorithms = ['RS256', 'ES256'] as const
/** What the engine takes for an e-mail address. */
const email = /^[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)*$/i
/** `all` is of a registration as JSON: so much a stranger can make us keep. */
const limits = { client_name: 128, uri: 2_048, all: 4_096 }
/** What clients are told that the policy keeps from the device flow. */
export const noDeviceFlow = 'sign-in by device code is for clients that the operator of this server registered'

type Metadata = Record<string, unknown>

/** The engine's `extraClientMetadata.validator`: the one place where all clients pass, before the engine's schema. */
export function normaliseClient(ctx: KoaContextWithOIDC | undefined, metadata: Metadata, policy: ClientPolicy): void {
  if (ctx?.oidc?.route === 'registration') {
    metadata[registrationMember] = 'dynamic'
    refuseOurWord(metadata)
  }
  const operator = metadata[registrationMember] === 'static'
  // what only an operator can grant is not taken from a registration, nor from a document
  if (!operator) for (const granted of operatorMetadata) delete metadata[granted]
  dropEmpty(metadata)
  if (!operator) dropUnused(metadata)
  keepMaxAge(metadata)
  checkText(metadata)
  checkAuthMethod(metadata)
  const schemes = operator ? 'any' : policy.redirectSchemes
  checkRedirects(metadata, schemes)
  checkLogoutRedirects(metadata, schemes)
  if (metadata[registrationMember] === 'dynamic' && JSON.stringify(metadata).length > limits.all)
    throw new errors.InvalidClientMetadata(`the metadata has more than ${limits.all} characters`)
  const hasSecret = metadata.token_endpoint_auth_method !== 'none'
  keepSupported(metadata, grantsOpenTo({ isOperatorRegistered: operator, hasSecret }, policy))
  if (!operator) keepSignedIn(metadata)
  else spellRootsBothWays(metadata)
  keepAddresses(metadata)
  limitScope(metadata, operator)
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
  if (typeof name === 'string' && name.length > limits.client_name)
    metadata.client_name = name.slice(0, limits.client_name)
  for (const member of ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri', 'jwks_uri']) {
    const value = metadata[member]
    if (value === undefined) continue
    const url = typeof value === 'string' && value.length <= limits.uri ? URL.parse(value) : null
    const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && member !== 'jwks_uri')
    if (!url || !secure) throw new errors.InvalidClientMetadata(`${member} must be a web address`)
  }
}

/** The engine would ask for the keys of a method that we do not have before it says so. */
function checkAuthMethod({ token_endpoint_auth_method: method }: Metadata): void {
  if (method !== undefined && !(authMethods as readonly unknown[]).includes(method))
    throw new errors.InvalidClientMetadata(`token_endpoint_auth_method must be one of ${authMethods.join(', ')}`)
}

/** Removes what we do not offer: RFC 7591 §2 lets a server do so, and the answer shows what is left. */
function keepSupported(metadata: Metadata, grants: readonly string[]): void {
  const wanted = Array.isArray(metadata.grant_types) ? metadata.grant_types : defaultGrants
  const kept = grants.filter((grant) => wanted.includes(grant))
  if (kept.length === 0 || (kept.length === 1 && kept[0] === 'refresh_token')) {
    if (wanted.includes(deviceCode.name)) throw new errors.InvalidClientMetadata(`grant_types: ${noDeviceFlow}`)
    throw new errors.InvalidClientMetadata(`grant_types must name one of ${grants.join(', ')}`)
  }
  const redirects = Array.isArray(metadata.redirect_uris) && metadata.redirect_uris.length > 0
  const responses = Array.isArray(metadata.response_types) ? metadata.response_types : ['code']
  const code = redirects && kept.includes('authorization_code') && responses.includes('code')
  if (!code && kept.every((grant) => defaultGrants.includes(grant))) {
    throw new InvalidRedirectUrisError('must have members for the authorization code grant')
  }
  metadata.grant_types = code ? kept : kept.filter((grant) => grant !== 'authorization_code')
  metadata.response_types = code ? ['code'] : []
  if (!redirects) metadata.redirect_uris = []
  delete metadata.require_auth_time
  delete metadata.default_acr_values
  if (!(idTokenAlgorithms as readonly unknown[]).includes(metadata.id_token_signed_response_alg))
    delete metadata.id_token_signed_response_alg
  delete metadata.response_modes
  // the engine would fetch it, and it means nothing where subjects are the same for all clients
  delete metadata.sector_identifier_uri
}

/**
 * Many clients name `authorization_code` alone and then use a refresh token where they get one; without it their people would
 * have to sign in again every few minutes. RFC 7591 §3.2.1 lets a server say otherwise than it was asked.
 */
function keepSignedIn(metadata: Metadata): void {
  metadata.grant_types = [...new Set([...(metadata.grant_types as readonly string[]), 'refresh_token'])]
}

/** RFC 7591 §2: contacts are typically e-mail addresses. The engine would refuse the client for a link or a number. */
function keepAddresses(metadata: Metadata): void {
  const { contacts } = metadata
  if (Array.isArray(contacts))
    metadata.contacts = contacts.filter((contact) => typeof contact !== 'string' || email.test(contact))
}

/** Scopes of resources are not the engine's business: an operator's limit is kept aside, a client's own wish dropped. */
function limitScope(metadata: Metadata, operator: boolean): void {
  const scopes = [...parseScope(typeof metadata.scope === 'string' ? metadata.scope : undefined)]
  if (operator && scopes.length > 0 && metadata[scopeLimit] === undefined) {
    metadata[scopeLimit] = scopes.filter((scope) => !openidScopes.includes(scope)).join(' ')
  }
  delete metadata.scope
}

/** Refuses ids that could be mistaken for a person in the `sub` of a token. */
export function assertClientId(clientId: string): void {
  if (isSubject(clientId)) throw new errors.InvalidClientMetadata("client_id may not begin like a person's subject")
}
