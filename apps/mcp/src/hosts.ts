// DNS rebinding: a page on a name that suddenly means this machine sends that name as Host. Only the resource's own is
// answered. No URL is ever made from Host or from a forwarding header.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { refuse } from './errors.ts'

/**
 * An `onRequest` hook that answers 421 to a foreign `Host`, with the URL to use. `exempt` are the routes that containers
 * and proxies reach by internal names.
 */
export function createHostCheck(resource: string, exempt: ReadonlySet<string>) {
  const { host, protocol } = new URL(resource)
  const defaultPort = protocol === 'https:' ? ':443' : ':80'
  const hosts = new Set(/:\d+$/.test(host) ? [host] : [host, host + defaultPort])

  return async function checkHost(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    if (exempt.has(request.routeOptions.url ?? '')) return
    // Node takes the first of two, what stands before us perhaps the other one.
    const isHost = (name: string, i: number): boolean => i % 2 === 0 && name.toLowerCase() === 'host'
    if (request.raw.rawHeaders.filter(isHost).length > 1) {
      return refuse(reply, 400, 'invalid_request', 'Host was sent more than once')
    }
    // RFC 9112 §3.2.2: the authority of an absolute request target replaces Host.
    const { url = '', headers } = request.raw
    const named = url.startsWith('/') ? headers.host : URL.parse(url)?.host
    if (named !== undefined && hosts.has(named.toLowerCase())) return
    return refuse(reply, 421, 'misdirected_request', `This server answers as ${resource}`)
  }
}
