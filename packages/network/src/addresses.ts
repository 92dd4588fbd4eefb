// Which addresses are ours to trust: the rules about schemes and about names of private networks. Pure.
import { isLoopbackHost } from '@gatehouse/shared'
import { ClientError } from './errors.ts'
import { cleanLine } from './text.ts'

/** A URL's host without the brackets of an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/** Whether a host name belongs to no public network, no matter who resolves it: one without a dot, or of a reserved domain. */
export function isPrivateName(host: string): boolean {
  return !host.includes('.') || /\.(local|localhost|internal|home\.arpa)\.?$/i.test(host)
}

/** Whether an address is one that we use or show: see {@link safeUrl}. */
export function isSafeUrl(value: string): boolean {
  const url = URL.parse(value)
  if (!url || url.username || url.password) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))
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
