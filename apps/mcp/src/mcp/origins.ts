// Which pages may call. A browser sends Origin with every such call, and a page on another origin cannot forge it; what
// is no browser sends none, and has a token to show.
import { isLoopbackHost } from '@gatehouse/shared'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { refuse } from '../errors.ts'

const requestHeaders = [
  'authorization',
  'content-type',
  'accept',
  'mcp-protocol-version',
  'mcp-session-id',
  'mcp-method',
  'mcp-name',
  'last-event-id',
]

/** What a client mirrors of a tool's arguments (2026-07-28), under names that tools give. */
const parameterHeader = /^mcp-param-[\w-]{1,64}$/

export interface OriginPolicy {
  /** Whose own pages may call. */
  readonly resources: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly development: boolean
}

/**
 * An `onRequest` hook: 403 for a page on a foreign origin, whatever the method, and CORS headers for the others. They
 * name the origin and never allow credentials: a token is sent by script, never by the browser of its own accord.
 */
export function createOriginCheck({ resources, allowedOrigins, development }: OriginPolicy) {
  const origins = new Set([...resources.map((resource) => new URL(resource).origin), ...allowedOrigins])
  // The Inspector and a developer's own pages come from a port of this machine that nobody can list in advance. They
  // need a token all the same. In production a loopback page is one on the *visitor's* machine: not ours to trust.
  const isAllowed = (origin: string): boolean => origins.has(origin) || (development && isLoopbackOrigin(origin))

  return async function checkOrigin(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    reply.header('vary', 'Origin')
    const { origin } = request.headers
    if (origin === undefined) return
    if (!isAllowed(origin))
      return refuse(reply, 403, 'forbidden_origin', 'Pages on this origin may not call: see MCP_ALLOWED_ORIGINS')
    reply.header('access-control-allow-origin', origin)
    reply.header('access-control-expose-headers', 'WWW-Authenticate, Mcp-Session-Id, Retry-After')
  }
}

/** The answer to a browser that asks first. It carries no token, so none is asked for. */
export function createPreflight(methods: readonly string[]) {
  return async function answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const asked = headers['access-control-request-headers'] ?? ''
    const names = asked.split(',').map((name) => name.trim().toLowerCase())
    const parameters = names.filter((name) => parameterHeader.test(name)).slice(0, 32)
    return reply
      .code(204)
      .header('access-control-allow-methods', methods.join(', '))
      .header('access-control-allow-headers', [...requestHeaders, ...parameters].join(', '))
      .header('access-control-max-age', '600')
      .send()
  }
}

/** As a browser spells it: lower case, no path. `localhost.evil` and `null` are none of these. */
function isLoopbackOrigin(origin: string): boolean {
  const url = URL.parse(origin)
  return url?.origin === origin && /^https?:$/.test(url.protocol) && isLoopbackHost(url.hostname)
}
