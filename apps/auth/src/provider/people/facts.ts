// What is told about a client, about the device that asked and about where the answer goes: the engine's data as the plain
// facts of the pages.
import { activeSpan } from '@gatehouse/service'
import { isLoopbackHost, type ProtectedResource, type TraceContext, traceContextIn } from '@gatehouse/shared'
import ipaddr from 'ipaddr.js'
import type { Client } from 'oidc-provider'
import type { ConnectedApp, PendingRequest } from '../../interactions/gate.ts'
import { isOperatorRegistered, vouchingHost } from '../clients/own-metadata.ts'

export function appFacts(client: Client): PendingRequest['app'] {
  return {
    name: client.clientName,
    clientId: client.clientId,
    trusted: isOperatorRegistered(client),
    ...vouchingHost(client),
  }
}

export function resourceFacts({
  name,
  resource,
  upstreams,
}: Pick<ProtectedResource, 'name' | 'resource' | 'upstreams'>): NonNullable<PendingRequest['resource']> {
  return { name, url: resource, ...(upstreams && { upstreams }) }
}

/** What the engine keeps with a device code: where it was asked for, when, and in which trace. */
export function deviceInfo(ctx: { readonly ip: string; get(header: string): string }): Record<string, unknown> {
  const trace = activeSpan()?.context
  return { ip: ctx.ip, ua: ctx.get('user-agent').slice(0, 512), askedAt: Date.now(), ...(trace && { trace }) }
}

/** The trace that a device code was asked for in. */
export function deviceTrace(deviceInfo: unknown): TraceContext | undefined {
  return traceContextIn((deviceInfo as { trace?: unknown } | undefined)?.trace)
}

/** `deviceInfo` is what the engine keeps with a device code; `issuer` is who was asked. */
export function deviceFacts(
  deviceInfo: unknown,
  issuer: string,
): NonNullable<ConnectedApp['device']> & { readonly askedAt?: number } {
  const { ip, ua, askedAt } = (deviceInfo ?? {}) as { ip?: string; ua?: string; askedAt?: number }
  return {
    ...(ip && whereIs(ip, issuer)),
    ...(ua && { agent: ua }),
    ...(askedAt !== undefined && { askedAt }),
  }
}

/** An address inside somebody's network tells the person nothing and others too much: what it means is told instead. */
function whereIs(ip: string, issuer: string): { readonly address?: string } {
  if (!ipaddr.isValid(ip)) return {}
  const range = ipaddr.process(ip).range()
  if (range === 'unicast') return { address: ip }
  // elsewhere it is that of a proxy which does not say for whom it asks
  if (!isLoopbackHost(new URL(issuer).hostname)) return {}
  if (range === 'loopback') return { address: 'this computer' }
  return range === 'private' || range === 'uniqueLocal' ? { address: 'a local network' } : {}
}

export function describeRedirect(redirectUri: string): NonNullable<PendingRequest['returnsTo']> {
  const url = new URL(redirectUri)
  if (url.protocol === 'https:') return { kind: 'web', host: url.host }
  if (url.protocol === 'http:') return { kind: 'loopback' }
  return { kind: 'app', scheme: url.protocol.slice(0, -1) }
}
