import type { FastifyInstance } from 'fastify'
import { allowAnyPage, answerAnyPreflight } from './any-page.ts'

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

const wellKnown = '/.well-known/oauth-protected-resource'

/** Where RFC 9728 §3.1 puts the metadata of a resource: the well-known part goes between host and path. */
export function resourceMetadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource)
  return `${origin}${wellKnown}${pathname === '/' ? '' : pathname}`
}

/**
 * Serves the RFC 9728 document where the resource's path puts it, and at the root for clients that look only there.
 * Everything in it comes from configuration: what `Host` says is of no account.
 */
export function serveResourceMetadata(app: FastifyInstance, metadata: ResourceMetadata): void {
  const document = {
    resource: metadata.resource,
    authorization_servers: metadata.authorizationServers,
    scopes_supported: metadata.scopes,
    bearer_methods_supported: ['header'],
    resource_name: metadata.resourceName,
  }
  for (const path of new Set([new URL(resourceMetadataUrl(metadata.resource)).pathname, wellKnown])) {
    app.get(path, async (_request, reply) =>
      allowAnyPage(reply).header('cache-control', 'public, max-age=3600').send(document),
    )
    app.options(path, answerAnyPreflight)
  }
}
