// Answers on the issuer's own name alone, before any cookie is read: DNS rebinding reaches a loopback port under another
// name. A page goes on to the right name, everything else is told it. Never echoes the name that was used.
import type { FastifyInstance } from 'fastify'
import { wantsPage } from './http-errors.ts'

/** Reached by internal names too: by probes, and by resource servers that fetch keys and metadata. */
const ANY_HOST = /^\/(livez|readyz|jwks|\.well-known\/)/

export function guardHost(app: FastifyInstance, issuer: string): void {
  const { host: expected, protocol } = new URL(issuer)
  app.addHook('onRequest', async (request, reply) => {
    // Host as it came: what a proxy forwards as the host may have been sent by a page
    const { host = '' } = request.raw.headers
    if (ANY_HOST.test(request.url) || URL.parse(`${protocol}//${host}`)?.host === expected) return undefined
    if (request.method === 'GET' && wantsPage(request)) return reply.redirect(issuer + request.url, 307)
    return reply
      .code(421)
      .header('cache-control', 'no-store')
      .send({ error: 'misdirected_request', error_description: `Use ${issuer}` })
  })
}
