// GET /livez: the process answers. GET /readyz: it can also do its work, and is not about to end. Probes come every second
// or two, so only what goes wrong with them is logged.
import { setTimeout as sleep } from 'node:timers/promises'
import { probePaths } from '@gatehouse/shared'
import type { FastifyInstance } from 'fastify'

export interface HealthOptions {
  /** Why the process cannot do its work now, for the operator to read; undefined if it can. Must not throw. */
  readonly whyNotReady: () => string | undefined | Promise<string | undefined>
  /** Seconds after which a caller that was told "not ready" may ask again. */
  readonly retryAfter: number
  /** Milliseconds between "not ready" and the end: so that what spreads requests over replicas notices. */
  readonly drain: number
}

export function isProbe(path: string): boolean {
  return probePaths.includes(path)
}

export function registerHealth(app: FastifyInstance, { whyNotReady, retryAfter, drain }: HealthOptions): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
    await sleep(drain)
  })
  const quiet = { logLevel: 'warn' } as const
  app.get('/livez', quiet, async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }))
  app.get('/readyz', quiet, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    const reason = closing ? 'closing' : await whyNotReady()
    if (reason === undefined) return reply.send({ status: 'ok' })
    return reply.code(503).header('retry-after', String(retryAfter)).send({ status: 'unavailable', reason })
  })
}
