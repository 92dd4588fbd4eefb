// Which errors of the authorization endpoint a browser is sent on to the client with, and which end on a page of ours
// (RFC 9700 §4.11.2): anyone who registers a web address could otherwise have anybody led there by a link to us.
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { isOperatorRegistered } from './clients/own-metadata.ts'

const routes = new Set(['authorization', 'resume'])

/** An error that was kept from a web address. */
export interface KeptError {
  /** Where it would have gone. */
  readonly host: string
  /** The address with the error, for a person who was asked something and said no. */
  readonly wayOn?: string
}

const kept = new WeakMap<object, KeptError>()

/** For the engine's events of failures, which come before it looks whether it may redirect. */
export function keepFromStrangers(ctx: KoaContextWithOIDC, error: Error & { allow_redirect?: boolean }): void {
  const { oidc } = ctx
  if (!error.allow_redirect || !oidc || !routes.has(oidc.route) || error instanceof errors.InvalidRedirectUri) return
  const redirect = URL.parse(String(oidc.params?.redirect_uri))
  if (!redirect || mayRedirect(oidc, redirect)) return
  error.allow_redirect = false
  kept.set(error, { host: redirect.host, ...(oidc.route === 'resume' && { wayOn: redirect.href }) })
}

export function keptError(error: object): KeptError | undefined {
  return kept.get(error)
}

/**
 * Loopback and private schemes lead to no web page, the operator's clients are known, and a person who was shown the consent
 * page, or approved this client in this browser, knows where the answer goes. A metadata document proves a host, not its good will.
 */
function mayRedirect({ client, session, entities }: KoaContextWithOIDC['oidc'], redirect: URL): boolean {
  if (redirect.protocol !== 'https:' || (client && isOperatorRegistered(client))) return true
  if (!client || !session?.accountId) return false
  return entities.Interaction?.prompt.name === 'consent' || session.grantIdFor(client.clientId) !== undefined
}
