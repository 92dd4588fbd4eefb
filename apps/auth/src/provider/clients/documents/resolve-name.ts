// The addresses of a name that a stranger chose, asked of the name servers directly: getaddrinfo would hold one of this
// process's few threads for as long as a name server is silent, and every other look-up with it. Names that only
// /etc/hosts knows mean nothing here. It does NOT judge the addresses.
import { Resolver } from 'node:dns/promises'

const timeoutMs = 1_000

/** Both families. Rejects if there is no address, or when `signal` aborts. */
export type ResolveName = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>

/** `servers`: addresses with or without a port; by default those of this machine. */
export function createNameResolver(servers?: readonly string[]): ResolveName {
  return async (hostname, signal) => {
    // one for each name: cancelling it stops nobody else's look-ups
    const resolver = new Resolver({ timeout: timeoutMs, tries: 1 })
    if (servers) resolver.setServers(servers)
    const cancel = () => resolver.cancel()
    signal.throwIfAborted()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const families = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
      const found = families.flatMap((family) => (family.status === 'fulfilled' ? family.value : []))
      if (found.length === 0) throw families.find((family) => family.status === 'rejected')?.reason
      return found
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}
