// From the address of an MCP server to the service that signs people in: RFC 9728, then RFC 8414. Everything that is
// learnt here is untrusted until it is checked here; what is not fetched or shown by us is not checked.

import { type Challenge, ClientError, cleanLine, errorBodyLine, type Fetch } from '@gatehouse/network'
import { type AuthorizationServerMetadata, authorizationServerMetadata, isLoopbackHost } from '@gatehouse/shared'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { readFirstAuthorizationServer } from './authorization-server.ts'
import { asksForSignIn, challengeOf } from './challenge.ts'
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
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
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

export interface DiscoveryOptions {
  readonly fetch: Fetch
  readonly clock: Clock
  /** The challenge that was met already; absent: the server is asked for one. */
  readonly challenge?: Challenge | undefined
  /** The authorization server in use: it is preferred for as long as the resource names it. */
  readonly issuer?: string | undefined
}

/** Finds out where and how to sign in for the MCP server at `url`. Always asks the servers; keeping is the caller's. */
export async function discover(
  url: URL,
  { fetch, clock, challenge: met, issuer }: DiscoveryOptions,
): Promise<Discovery> {
  const { challenge, missing } = met ? { challenge: met } : await askForChallenge(url, fetch)
  const place = challenge?.metadataUrl
  const found = await readProtectedResource(url, place, fetch).catch((error: unknown) => {
    throw challenge ? error : noSignIn(url, error)
  })
  const { resource, authorizationServers, scopes } = found
  if (missing !== undefined && resource !== url.href) throw notHere(url, resource, missing)
  const preferred = authorizationServers.filter((one) => one === issuer)
  const metadata = await readFirstAuthorizationServer([...new Set([...preferred, ...authorizationServers])], fetch)
  return {
    resource,
    issuer: metadata.issuer,
    scope: challenge?.scope ?? scopes,
    metadata,
    discoveredAt: Math.floor(clock.now()),
  }
}

/** Where the server did not ask for a sign-in and says nothing about one, it may well need none. */
function noSignIn(url: URL, error: unknown): unknown {
  if (!(error instanceof ClientError) || error.code !== 'metadata_missing') return error
  return new ClientError('metadata_missing', `${url.href} does not ask for a sign-in.`, {
    reason: `It answered without one. ${error.reason ?? ''}`.trim(),
    hint: 'If it is an MCP server that needs none, use it as it is:',
    command: 'tools',
    cause: error,
  })
}

/** Nothing is at this address, but there is metadata that covers it: one slash too many, a part of the path too much. */
function notHere(url: URL, resource: string, reason: string): ClientError {
  return new ClientError('resource_mismatch', `${url.href} is not the address of an MCP server.`, {
    reason,
    hint: `The metadata there is that of:  --url ${cleanLine(resource, 120)}`,
  })
}

interface Asked {
  readonly challenge?: Challenge
  /** What the server said where there is no MCP server at this address. */
  readonly missing?: string
}

/** A server that knows the address, but not what was asked there (2026-07-28: 404 for an unknown method). */
function isJsonRpc(body: string): boolean {
  try {
    return (JSON.parse(body) as { jsonrpc?: unknown }).jsonrpc === '2.0'
  } catch {
    return false
  }
}

/** Asks without a token, in order to be told `401`, or a `403` that says as much, and where the metadata is (RFC 9728 §5.1). */
async function askForChallenge(url: URL, fetch: Fetch): Promise<Asked> {
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
  if (asksForSignIn(response)) return { challenge: challengeOf(response) }
  // Some servers let the first request pass; the well-known places still tell.
  if (response.status !== 404 && response.status !== 405) return {}
  const body = await response.text()
  return isJsonRpc(body) ? {} : { missing: `It answered ${response.status}: ${errorBodyLine(body, 300) || 'nothing'}.` }
}
