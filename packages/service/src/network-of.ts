// Whose an address is, for counting.
import { isIPv4 } from 'node:net'
import ipaddr from 'ipaddr.js'

const siteBits = 48

/**
 * An IPv4 address, or the IPv6 network of 48 bits around an address. That much one customer of a provider may have, and
 * anyone who has it has 65 536 networks of 64 bits.
 */
export function networkOf(address: string): string {
  // as it is written: most addresses are
  if (isIPv4(address)) return address
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  const groups = parsed.toNormalizedString().split(':')
  return `${groups.slice(0, siteBits / 16).join(':')}::/${siteBits}`
}
