// DNS rebinding: a page on a name that suddenly means this machine sends that name as Host. Each service answers under
// its own name alone. No URL is ever made from Host or from a forwarding header, and no answer repeats the name.
import type { FastifyRequest } from 'fastify'
import { readForwarding } from './forwarding.ts'
import { seldom } from './seldom.ts'

export interface NameFault {
  readonly status: 400 | 421
  readonly error: string
  readonly description: string
}

/** `url` is what the service is published as. Returns what is wrong with the name that a request is for, if anything is. */
export function createNameCheck(url: string): (request: FastifyRequest) => NameFault | undefined {
  const { host, protocol } = new URL(url)
  const defaultPort = protocol === 'https:' ? ':443' : ':80'
  const names = new Set(/:\d+$/.test(host) ? [host] : [host, host + defaultPort])
  const foreign: NameFault = {
    status: 421,
    error: 'misdirected_request',
    description: `This server answers as ${url}. If that is what was asked for, a proxy on the way does not pass on the Host header as it came.`,
  }
  const tell = seldom(({ log, raw, headers }: FastifyRequest) =>
    log.warn(
      {
        host: headers.host?.slice(0, 128),
        expected: host,
        peer: raw.socket.remoteAddress,
        forwarded: readForwarding(headers).any,
      },
      'a request came under another name: the proxy in front, if there is one, does not pass on the Host header',
    ),
  )

  return (request) => {
    // RFC 9112 §3.2. Node takes the first of two, what stands before us perhaps the other one.
    if (countHeader(request, 'host') > 1)
      return { status: 400, error: 'invalid_request', description: 'Host was sent more than once' }
    // §3.2.2: the authority of an absolute request target replaces Host.
    const target = request.originalUrl
    const named = ABSOLUTE.test(target) ? URL.parse(target)?.host : request.raw.headers.host
    if (named !== undefined && names.has(named.toLowerCase())) return undefined
    tell(request)
    return foreign
  }
}

/** How often a header was sent, of those of which Node keeps one. `name` is in lower case. */
export function countHeader({ raw }: FastifyRequest, name: string): number {
  return raw.rawHeaders.filter((each, i) => i % 2 === 0 && each.toLowerCase() === name).length
}

const ABSOLUTE = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i

/** A request target as routes are written: RFC 9112 §3.2.2 wants the absolute form to be understood as well. */
export function originForm(target: string): string {
  const path = target.replace(ABSOLUTE, '')
  return path === target || path.startsWith('/') ? path : `/${path}`
}
