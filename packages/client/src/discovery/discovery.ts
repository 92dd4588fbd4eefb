// From the address of an MCP server to the service that signs people in: RFC 9728, then RFC 8414. Everything that is
// learnt here is untrusted until it is checked here; what is not fetched or shown by us is not checked.

import { type AuthorizationServerMetadata, authorizationServerMetadata } from '@gatehouse/shared'
import { extractWWWAuthenticateParams } from '@modelcontextprotocol/client'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { ClientError } from '../errors.ts'
import { isLoopback } from '../network/addresses.ts'
import { errorBodyLine } from '../network/error-body.ts'
import type { Fetch } from '../network/guarded-fetch.ts'
import { cleanLine } from '../text.ts'
import { readAuthorizationServer } from './authorization-server.ts'
import { readProtectedResource } from './protected-resource.ts'

/** What is known about an MCP server's sign-in, and kept between runs. */
export const discovery = z.object({
  /** The resource identifier (RFC 8707), byte for byte as the server writes it. */
  resource: z.string(),
  /** The authorization server's issuer, byte for byte. */
  issuer: z.string(),
  /** The scope to ask for when nobody said otherwise; absent: none. */
  scope: z.string().optional(),
  metadata: authorizationServerMetadata,
  /** Seconds since the epoch. */
  discoveredAt: z.number(),
})

export interface Discovery {
  readonly resource: string
  readonly issuer: string
  readonly scope?: string | undefined
  readonly metadata: AuthorizationServerMetadata
  readonly discoveredAt: number
}

/** The address of an MCP server as a person typed it. Throws a usage error for anything but https or loopback http. */
export function mcpServerUrl(typed: string | URL): URL {
  const url = URL.parse(String(typed))
  const hint = 'Give the address of an MCP server: --url https://example.com/mcp'
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ClientError('usage', `"${cleanLine(String(typed), 80)}" is not a web address.`, { hint })
  }
  if (url.protocol === 'http:' && !isLoopback(url)) {
    throw new ClientError('usage', `${url.href} is not encrypted.`, {
      reason: 'Sign-ins are sent over https only, except to this computer.',
      hint,
    })
  }
  if (url.username || url.password) {
    throw new ClientError('usage', 'The address must not contain a user name or password.', { hint })
  }
  url.hash = ''
  return url
}

/** Finds out where and how to sign in for the MCP server at `url`. Always asks the servers; keeping is the caller's. */
export async function discover(url: URL, { fetch, clock }: { fetch: Fetch; clock: Clock }): Promise<Discovery> {
  const challenge = await readChallenge(url, fetch)
  const { resource, authorizationServer, scopes } = await readProtectedResource(url, challenge.metadataUrl, fetch)
  const metadata = await readAuthorizationServer(authorizationServer, fetch)
  return {
    resource,
    issuer: metadata.issuer,
    scope: challenge.scope ?? scopes,
    metadata,
    discoveredAt: Math.floor(clock.now()),
  }
}

interface Challenge {
  readonly metadataUrl?: string | undefined
  readonly scope?: string | undefined
}

/** Asks without a token, in order to be told `401` and where the metadata is (RFC 9728 §5.1). */
async function readChallenge(url: URL, fetch: Fetch): Promise<Challenge> {
  const response = await fetch(url.href, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 'gatehouse-discovery', method: 'ping' }),
  })
  if (response.status === 421) {
    throw new ClientError('resource_mismatch', `The server does not answer to the name ${url.host}.`, {
      reason: errorBodyLine(await response.text(), 300) || undefined,
      hint: 'Use the address that its operator published, with --url.',
    })
  }
  if (response.status !== 401) return {} // some servers let the first request pass; the well-known places still tell
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(response)
  return { metadataUrl: resourceMetadataUrl?.href, scope }
}
