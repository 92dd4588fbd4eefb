import type { IncomingHttpHeaders } from 'node:http'

/** What proxies, tunnels and content networks say of a request that they pass on. */
const SAID_BY_PROXIES =
  /^(forwarded|via|cdn-loop|x-real-ip|cf-.+|ngrok-.+|tailscale-.+|.+-client-?ip|x-(forwarded|original|envoy)-.+)$/

/** How a request came here, by its headers. Does NOT check who wrote them: a client can. */
interface Forwarding {
  /** Anything that a proxy says. */
  readonly any: boolean
  /** One proxy alone says something, and only for whom it asks: one address in `X-Forwarded-For`. */
  readonly once: boolean
}

export function readForwarding(headers: IncomingHttpHeaders): Forwarding {
  const names = Object.keys(headers).filter((name) => SAID_BY_PROXIES.test(name))
  const addresses = String(headers['x-forwarded-for'] ?? '').split(',')
  return { any: names.length > 0, once: names.join() === 'x-forwarded-for' && addresses.length === 1 }
}
