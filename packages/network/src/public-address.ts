// Which addresses are of the public internet: the one judgement, for clients that follow a server's word and for servers
// that follow a stranger's.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Of IPv6 only this was ever given out: the rest includes forms such as ::7f00:1, which hold an IPv4 address. */
const givenOut = ipaddr.parseCIDR('2000::/3')

/**
 * Whether an IP address is of the public internet: not loopback, private, link-local, shared, multicast, for documents or
 * measurements, translated or tunnelled (NAT64, 6to4, Teredo: those hold an IPv4 address that is not judged), reserved,
 * nor with a zone. An IPv4-mapped address is judged as the IPv4 address that it is. What is no address is not public.
 *
 * Does NOT look anything up, and does not know networks that an operator uses publicly numbered addresses for.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false
  const parsed = ipaddr.process(address)
  return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || parsed.match(givenOut))
}
