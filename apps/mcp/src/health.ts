import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

export interface HealthOptions {
  readonly keysReady: () => boolean
  /** Milliseconds between "not ready" and the end: for whoever spreads requests over replicas to notice. */
  readonly drain: number
}

/**
 * `/livez`: the process answers. `/readyz`: it can judge tokens, and is not about to end. Known keys are enough, so that a
 * replica stays ready while the issuer is away; a new one is not ready before it had them once. Where sessions are kept is
 * of no account: without that store clients are served all the same.
 */
export function serveHealth(app: FastifyInstance, { keysReady, drain }: HealthOptions): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
    await sleep(drain)
  })
  // Probes come every other second: only failures of theirs are worth a line.
  const options = { logLevel: 'warn' } as const
  app.get('/livez', options, async (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'ok' }),
  )
  app.get('/readyz', options, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    const unavailable = (reason: string) =>
      reply.code(503).header('retry-after', '5').send({ status: 'unavailable', reason })
    if (closing) return unavailable('closing')
    return keysReady() ? reply.send({ status: 'ok' }) : unavailable('no keys of the issuer yet')
  })
}
