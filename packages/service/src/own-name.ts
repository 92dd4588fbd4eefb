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

/** `urls` are what the service is published as. Returns what is wrong with the name that a request is for, if anything is. */
export function createNameCheck(...urls: readonly string[]): (request: FastifyRequest) => NameFault | undefined {
  const names = new Set(urls.flatMap(namesOf))
  const expected = [...new Set(urls.map((url) => new URL(url).host))].join(', ')
  const foreign: NameFault = {
    status: 421,
    error: 'misdirected_request',
    // of several names none is anybody's business who came under another one
    description: `This server answers ${urls.length === 1 ? `as ${urls[0]}` : 'under other names'}. If that is what was asked for, a proxy on the way does not pass on the Host header as it came.`,
  }
  const tell = seldom(({ log, raw, headers }: FastifyRequest) =>
    log.warn(
      {
        host: headers.host?.slice(0, 128),
        expected,
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
    const named = nameOf(request)
    if (named !== undefined && names.has(named)) return undefined
    tell(request)
    return foreign
  }
}

/** The name that a request is for, in lower case. §3.2.2: the authority of an absolute request target replaces Host. */
export function nameOf({ originalUrl: target, raw }: FastifyRequest): string | undefined {
  const named = absolute.test(target) ? URL.parse(target)?.host : raw.headers.host
  return named?.toLowerCase()
}

/** What requests to a URL are named: with its port, and without if it is the usual one. */
export function namesOf(url: string): readonly string[] {
  const { host, protocol } = new URL(url)
  const defaultPort = protocol === 'https:' ? ':443' : ':80'
  return /:\d+$/.test(host) ? [host] : [host, host + defaultPort]
}

/** How often a header was sent, of those of which Node keeps one. `name` is in lower case. */
export function countHeader({ raw }: FastifyRequest, name: string): number {
  return raw.rawHeaders.filter((each, i) => i % 2 === 0 && each.toLowerCase() === name).length
}

const absolute = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i

/** A request target as routes are written: RFC 9112 §3.2.2 wants the absolute form to be understood as well. */
export function originForm(target: string): string {
  const path = target.replace(absolute, '')
  return path === target || path.startsWith('/') ? path : `/${path}`
}
