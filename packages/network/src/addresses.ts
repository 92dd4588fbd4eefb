// Which addresses are ours to trust: the rules about schemes (K1) and about private networks (K6). Pure.
import { BlockList, isIP } from 'node:net'
import { ClientError } from './errors.ts'
import { cleanLine } from './text.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const notPublic = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  notPublic.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  notPublic.addSubnet(network, prefix, 'ipv6')
}

/** A URL's host without the brackets of an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/** Whether the URL's host is this computer by its name or number alone; nothing is looked up. */
export function isLoopback(url: URL): boolean {
  const host = hostOf(url)
  return host === 'localhost' || contains(loopback, host)
}

/** Whether an IP address belongs to no public network: loopback, private, link-local, shared, multicast, translated. */
export function isPrivateAddress(address: string): boolean {
  return contains(notPublic, address)
}

/** Whether a host name belongs to no public network, whoever resolves it: one without a dot, or of a reserved domain. */
export function isPrivateName(host: string): boolean {
  return !host.includes('.') || /\.(local|localhost|internal|home\.arpa)\.?$/i.test(host)
}

function contains(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** Whether an address is one that we use or show: see {@link safeUrl}. */
export function isSafeUrl(value: string): boolean {
  const url = URL.parse(value)
  if (!url || url.username || url.password) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
}

/**
 * The URL, if it is one we use or show: https, or http to this computer, and without a user name in front of the host
 * (`https://github.com@evil.example`). Everything else (`javascript:`, `file:`, `a:$(cmd)`) is refused.
 *
 * @param what how the address is called in the error: `verification_uri`
 */
export function safeUrl(value: string, what: string): URL {
  if (isSafeUrl(value)) return new URL(value)
  throw new ClientError('unsafe_address', `The server gave an address that is not safe to use (${what}).`, {
    reason: `"${cleanLine(value, 80)}" is neither https nor on this computer.`,
    hint: 'Tell the people who run the server; do not open that address.',
  })
}
