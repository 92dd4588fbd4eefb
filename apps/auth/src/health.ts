// GET /livez: the process runs. GET /readyz: it can also do its work, which here means that the store answers and that
// the process is not about to end. Probes come every second or two, so only what goes wrong with them is logged.
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

export interface HealthOptions {
  /** Throws while the process cannot do its work. */
  readonly isReady: () => Promise<unknown>
  /** Milliseconds between "not ready" and the end: for whoever spreads requests over replicas to notice. */
  readonly drain: number
}

export function registerHealth(app: FastifyInstance, { isReady, drain }: HealthOptions): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
    await sleep(drain)
  })
  const quiet = { logLevel: 'warn' } as const
  app.get('/livez', quiet, async () => ({ status: 'ok' }))
  app.get('/readyz', quiet, async (_request, reply) => {
    const unavailable = (reason: string) =>
      reply.code(503).header('retry-after', '1').send({ status: 'unavailable', reason })
    if (closing) return unavailable('closing')
    try {
      await isReady()
      return { status: 'ok' }
    } catch {
      return unavailable('store')
    }
  })
}
