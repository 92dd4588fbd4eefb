import type { FastifyInstance } from 'fastify'

/**
 * `/livez`: the process answers. `/readyz`: it can judge tokens. Known keys are enough, so that a replica stays ready
 * while the issuer is away; a new one is not ready before it had them once.
 */
export function serveHealth(app: FastifyInstance, { keysReady }: { readonly keysReady: () => boolean }): void {
  // Probes come every other second: only failures of theirs are worth a line.
  const options = { logLevel: 'warn' } as const
  app.get('/livez', options, async (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'ok' }),
  )
  app.get('/readyz', options, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    if (keysReady()) return reply.send({ status: 'ok' })
    return reply
      .code(503)
      .header('retry-after', '5')
      .send({ status: 'unavailable', reason: 'no keys of the issuer yet' })
  })
}
