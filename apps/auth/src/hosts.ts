// Answers on the issuer's own name alone, before any cookie is read: to a page with a page, and with where to go.

import { countHeader, createNameCheck } from '@gatehouse/service'
import { probePaths } from '@gatehouse/shared'
import type { FastifyInstance } from 'fastify'
import { answerWith } from './http-errors.ts'
import { paths } from './paths.ts'
import { wireErrors } from './wire-errors.ts'

/** Reached by internal names too: by probes, and by resource servers that fetch keys and metadata. */
const anyName: ReadonlySet<string> = new Set([
  ...probePaths,
  paths.jwks,
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
])

export function guardHost(app: FastifyInstance, issuer: string): void {
  const checkName = createNameCheck(issuer)
  app.addHook('onRequest', async (request, reply) => {
    if (countHeader(request, 'authorization') > 1) return answerWith(request, reply, wireErrors.twoAuthorizations)
    if (anyName.has(request.routeOptions.url ?? '')) return undefined
    const fault = checkName(request)
    return fault && answerWith(request, reply, fault, { label: `Go to ${issuer}`, href: issuer })
  })
}
