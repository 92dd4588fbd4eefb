// Under which keys of the store things are kept. People and clients are in them as digests only.
import { createDigests } from '../digest.ts'
import type { UpstreamSettings } from '../settings.ts'
import type { Behalf, Owner, Upstream } from '../upstreams/contract.ts'
import { declaredTo, usualCapabilities } from '../upstreams/declared.ts'
import type { Kind } from './contract.ts'

const digest = createDigests(1_024)

/** Those who share a credential for an upstream, by the isolation of the file: what one of them is shown, all may see. */
function credentialOwner({ settings }: Upstream, { endpoint, issuer, subject, clientId, session }: Owner): unknown {
  const caller = [issuer, subject, clientId]
  const owners = { shared: [], caller, session: [...caller, session ?? null] }
  return [endpoint, settings.name, leadsTo(settings), settings.isolation, ...owners[settings.isolation]]
}

const places = new WeakMap<UpstreamSettings, string>()

/** Under the same name there may be another server after a change of the file: nothing of the one is the other's. */
function leadsTo(settings: UpstreamSettings): string {
  const known = places.get(settings) ?? digest(placeOf(settings))
  places.set(settings, known)
  return known
}

function placeOf(settings: UpstreamSettings): unknown {
  if (settings.transport === 'stdio') return [settings.command, settings.cwd ?? null]
  return settings.transport === 'builtin' ? [] : [settings.transport, settings.url]
}

/** What an upstream may answer differently to: who asks, as it sees it, and what it is told that the client can do. */
function asSeen(upstream: Upstream, behalf: Behalf): unknown {
  const { owner, headers, granted } = behalf
  const { settings } = upstream
  const forwarded = 'forwardHeaders' in settings ? settings.forwardHeaders.map((name) => headers[name] ?? null) : []
  const scopes = 'identity' in settings && settings.identity?.as === 'jwt' ? [...granted.scopes].sort() : []
  return [credentialOwner(upstream, owner), forwarded, declaredTo(settings, behalf), scopes]
}

/** Of what one upstream lists. */
export function listKey(upstream: Upstream, kind: Kind, behalf: Behalf): string {
  return `catalog:${kind}:${digest(asSeen(upstream, behalf))}`
}

/** Of what one upstream says of itself. */
export function descriptionKey(upstream: Upstream, behalf: Behalf): string {
  return `catalog:description:${digest(asSeen(upstream, behalf))}`
}

/** The same as it is said to clients that can do what is usual of it. Of these there is a handful. */
export function usualDescriptionKey(upstream: Upstream, behalf: Behalf): string {
  return descriptionKey(upstream, { ...behalf, capabilities: usualCapabilities(behalf.capabilities) })
}

/** Of when one upstream said that a list changed. */
export function changeKey(upstream: Upstream, kind: Kind, owner: Owner): string {
  return `catalog:changed:${kind}:${digest(credentialOwner(upstream, owner))}`
}

/** Of the names that were given at an endpoint. */
export function namesKey(endpoint: string, kind: Kind): string {
  return `catalog:names:${kind}:${digest(endpoint)}`
}

/** Of what a caller was shown otherwise than in lists. */
export function shownKey({ endpoint, issuer, subject, clientId }: Owner): string {
  return `catalog:shown:${digest([endpoint, issuer, subject, clientId])}`
}

/** For what is counted against an upstream: the same for those whom it takes for one. */
export function credentialKey(upstream: Upstream, behalf: Behalf): string {
  return digest(asSeen(upstream, { ...behalf, capabilities: {} }))
}
