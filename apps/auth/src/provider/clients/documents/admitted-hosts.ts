// Whose documents are read at all, by what the operator says of hosts.
import { isPublicAddress } from '@gatehouse/network'

/** Host names. */
interface Rules {
  readonly allowed: readonly string[]
  readonly denied: readonly string[]
}

interface Settings extends Rules {
  readonly mode: 'on' | 'off'
  /** Whose documents may come from private addresses. */
  readonly private: readonly string[]
}

/** An empty list of allowed hosts admits every host that is not denied. A denied one includes what is below it. */
export function isAdmitted(hostname: string, { allowed, denied }: Rules): boolean {
  const isDenied = denied.some((host) => hostname === host || hostname.endsWith(`.${host}`))
  return !isDenied && (allowed.length === 0 || allowed.includes(hostname))
}

/** Names that mean nothing on the internet: RFC 6761, RFC 6762. */
const nowhere = /(^|\.)(invalid|test|example|localhost|local)$/

/** Whether some document could be read. Asks no network: a server without a way to the internet looks as any other. */
export function canBeRead({ mode, allowed, denied, private: own }: Settings): boolean {
  if (mode === 'off') return false
  if (allowed.length === 0) return true
  const isReachable = (host: string) => {
    const literal = host.replace(/^\[|\]$/g, '')
    return own.includes(host) || (/^[\d.]+$|:/.test(literal) ? isPublicAddress(literal) : !nowhere.test(host))
  }
  return allowed.some((host) => isAdmitted(host, { allowed, denied }) && isReachable(host))
}
