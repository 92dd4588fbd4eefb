// What proxies say of a request that they pass on: whom it is from, and that it came through one at all.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'

const saidByProxies =
  /^(forwarded|via|cdn-loop|x-real-ip|cf-.+|ngrok-.+|tailscale-.+|.+-client-?ip|x-(forwarded|original|envoy)-.+)$/

/** How a request came here, by its headers. Does NOT check who wrote them: a client can. */
interface Forwarding {
  /** Anything that a proxy says. */
  readonly any: boolean
  /** One proxy alone says something, and only for whom it asks: one address in `X-Forwarded-For`. */
  readonly once: boolean
}

export function readForwarding(headers: IncomingHttpHeaders): Forwarding {
  const names = Object.keys(headers).filter((name) => saidByProxies.test(name))
  return { any: names.length > 0, once: names.join() === 'x-forwarded-for' && entriesOf(headers).length === 1 }
}

/**
 * Makes `X-Forwarded-For` from a proxy of ours a list of addresses, which is what Fastify takes it for: some proxies add
 * the port. For what is no address, and for all that was said before it, stands the address of who said so. As many
 * entries stay as there were. Returns false if something was no address.
 */
export function createAddressReader(trustProxy: readonly string[]) {
  const ours = new BlockList()
  for (const network of trustProxy) {
    const [address = '', bits = isIPv6(network) ? '128' : '32'] = network.split('/')
    ours.addSubnet(address, Number(bits), familyOf(address))
  }
  return ({ headers, socket }: IncomingMessage): boolean => {
    const peer = socket.remoteAddress ?? ''
    if (headers['x-forwarded-for'] === undefined || !isIP(peer) || !ours.check(peer, familyOf(peer))) return true
    let from = peer
    let isStray = false
    const addresses = entriesOf(headers)
      .reverse()
      .map((entry) => {
        const address = isStray ? undefined : readAddress(entry)
        if (address === undefined) isStray = true
        else from = address
        return from
      })
    headers['x-forwarded-for'] = addresses.reverse().join(', ')
    return !isStray
  }
}

function entriesOf(headers: IncomingHttpHeaders): string[] {
  return String(headers['x-forwarded-for'] ?? '').split(',')
}

/** `198.51.100.8`, `198.51.100.8:20000`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:443`. */
function readAddress(entry: string): string | undefined {
  const text = entry.trim()
  const [, bracketed, dotted] = /^(?:\[([\da-f:.]+)\](?::\d+)?|([\d.]+):\d+)$/i.exec(text) ?? []
  const address = bracketed ?? dotted ?? text
  return isIP(address) ? address : undefined
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}
