// GET /livez: the process runs. GET /readyz: it can also do its work, which here means that the store answers.
import type { FastifyInstance } from 'fastify'

export function registerHealth(app: FastifyInstance, isReady: () => Promise<unknown>): void {
  app.get('/livez', async () => ({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    try {
      await isReady()
      return { status: 'ok' }
    } catch {
      return reply.code(503).header('retry-after', '1').send({ status: 'unavailable', reason: 'store' })
    }
  })
}
