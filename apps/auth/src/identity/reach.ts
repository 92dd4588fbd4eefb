// Who may use the developer login, judged by where a request comes from. Plain data in, no Fastify.
import ipaddr from 'ipaddr.js'
import type { Origin } from './identity.ts'

export interface DeveloperOrigin extends Origin {
  /** CIDR blocks of our own proxies. */
  readonly trustProxy: readonly string[]
  /** The operator asked for the developer login by name. */
  readonly explicit: boolean
}

/**
 * Why the developer login is refused, or undefined if it is not. A forwarding header that is not the one address
 * which our own proxy adds means a tunnel: then a loopback address at the other end says nothing about who is really there.
 * Our own proxy adds that address to what came, and hides nothing of it (deploy/haproxy.cfg).
 * With `explicit` it does NOT look at where a request comes from otherwise: the operator answers for that.
 */
export function refuseDeveloperLogin({
  peer,
  client,
  forwarding,
  trustProxy,
  explicit,
}: DeveloperOrigin): string | undefined {
  const fromProxy = peer !== undefined && isIn(peer, trustProxy)
  if (forwarding.any && !(fromProxy && forwarding.once))
    return 'The development login does not answer through a tunnel or a proxy that this server does not know.'
  if (!explicit && !(peer !== undefined && isLoopback(peer) && isLoopback(client)))
    return 'The development login answers this computer alone.'
  return undefined
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback'
}

function isIn(address: string, blocks: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false
  const candidate = ipaddr.process(address)
  return blocks.some((block) => {
    const [network, bits] = ipaddr.isValidCIDR(block) ? ipaddr.parseCIDR(block) : [ipaddr.process(block), undefined]
    if (network.kind() !== candidate.kind()) return false
    return candidate.match(network, bits ?? (candidate.kind() === 'ipv4' ? 32 : 128))
  })
}
