// The RFC 9728 document of a resource, and where it is found. Everything in it comes from configuration: what `Host` says
// matters only for which of several resources on different hosts is meant.
import { type GuardAnswer, type GuardRequest, valuesOf } from './exchange.ts'

export interface ResourceMetadata {
  /** The resource's identifier: an absolute URL without query and fragment. */
  readonly resource: string
  /** Issuer identifiers. */
  readonly authorizationServers: readonly [string, ...string[]]
  /** What a client should ask for. */
  readonly scopes: readonly string[]
  /** For people. */
  readonly resourceName?: string | undefined
}

/** Where the documents are at the root, and below which they have their resource's path. */
export const wellKnown = '/.well-known/oauth-protected-resource'

/** Where RFC 9728 §3.1 puts the metadata of a resource: the well-known part goes between host and path. */
export function resourceMetadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource)
  return `${origin}${wellKnown}${pathname === '/' ? '' : pathname}`
}

/** Public documents: a page on any origin may read them. */
const anyPage = { 'access-control-allow-origin': '*' }

/** For a page that sends a header of its own with the request, and so asks first. */
export const anyPreflight: GuardAnswer = {
  status: 204,
  headers: {
    ...anyPage,
    'access-control-allow-methods': 'GET, HEAD',
    'access-control-allow-headers': '*, authorization',
    'access-control-max-age': '3600',
  },
  body: undefined,
}

/**
 * Answers a request for the metadata of one of these resources; undefined for any other request. The document is where the
 * resource's path puts it and, for clients that look only there, at the root, if the host has one resource alone.
 */
export function answerMetadata(all: readonly ResourceMetadata[], request: GuardRequest): GuardAnswer | undefined {
  const [target = ''] = request.url.split('?')
  const path = target.startsWith('/') ? target : URL.parse(target)?.pathname
  if (!path?.startsWith(wellKnown)) return undefined
  const placed = all.filter(({ resource }) => new URL(resourceMetadataUrl(resource)).pathname === path)
  const found = onlyOne(placed, request) ?? (path === wellKnown ? onlyOne(all, request) : undefined)
  if (!found) return undefined
  if (request.method === 'OPTIONS') return anyPreflight
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { status: 405, headers: { ...anyPage, allow: 'GET, HEAD, OPTIONS' }, body: { error: 'invalid_request' } }
  return {
    status: 200,
    headers: { ...anyPage, 'cache-control': 'public, max-age=3600' },
    body: {
      resource: found.resource,
      authorization_servers: found.authorizationServers,
      scopes_supported: found.scopes,
      bearer_methods_supported: ['header'],
      ...(found.resourceName !== undefined && { resource_name: found.resourceName }),
    },
  }
}

/** The one there is; of several, the one on the request's own host. */
function onlyOne(candidates: readonly ResourceMetadata[], request: GuardRequest): ResourceMetadata | undefined {
  if (candidates.length < 2) return candidates[0]
  const host = URL.parse(request.url)?.host ?? valuesOf(request, 'host')[0]
  const here = candidates.filter(({ resource }) => new URL(resource).host === host?.toLowerCase())
  return here.length === 1 ? here[0] : undefined
}
