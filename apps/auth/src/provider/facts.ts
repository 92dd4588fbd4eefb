// What is told about a client, about the device that asked and about where the answer goes: the engine's data as the plain
// facts of the pages.
import ipaddr from 'ipaddr.js'
import type { Client } from 'oidc-provider'
import type { ConnectedApp, PendingRequest } from '../interactions/gate.ts'
import { isOperatorRegistered, vouchingHost } from './clients.ts'

export function appFacts(client: Client): PendingRequest['app'] {
  return {
    name: client.clientName,
    clientId: client.clientId,
    trusted: isOperatorRegistered(client),
    ...vouchingHost(client),
  }
}

/** `deviceInfo` is what configuration.ts has the engine keep with a device code. */
export function deviceFacts(deviceInfo: unknown): NonNullable<ConnectedApp['device']> & { readonly askedAt?: number } {
  const { ip, ua, askedAt } = (deviceInfo ?? {}) as { ip?: string; ua?: string; askedAt?: number }
  return {
    ...(ip && isPublicAddress(ip) && { address: ip }),
    ...(ua && { agent: ua }),
    ...(askedAt !== undefined && { askedAt }),
  }
}

/** An address inside somebody's network tells the person nothing and others too much. */
function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast'
}

export function describeRedirect(redirectUri: string): NonNullable<PendingRequest['returnsTo']> {
  const url = new URL(redirectUri)
  if (url.protocol === 'https:') return { kind: 'web', host: url.host }
  if (url.protocol === 'http:') return { kind: 'loopback' }
  return { kind: 'app', scheme: url.protocol.slice(0, -1) }
}
