// What probes are told: ready while the store answers and there is a provider.
import { type Metrics, registerHealth } from '@gatehouse/service'
import type { FastifyInstance } from 'fastify'
import type { Store } from './store/contract.ts'
import { passingSeconds } from './wire-errors.ts'

export interface ReadinessOptions {
  readonly store: Pick<Store, 'ping'>
  /** Throws until it is there. */
  readonly provider: () => unknown
  readonly metrics: Metrics | undefined
  /** Milliseconds between "not ready" and the end. */
  readonly drain: number
}

export function registerReadiness(app: FastifyInstance, { store, provider, metrics, drain }: ReadinessOptions): void {
  const whyNotReady = async () => {
    try {
      await store.ping()
      provider()
      return undefined
    } catch {
      return 'store'
    }
  }
  registerHealth(app, { whyNotReady, retryAfter: passingSeconds, drain })
  metrics?.gauge('gatehouse_ready', 'Whether /readyz would be 200.', async () =>
    (await whyNotReady()) === undefined ? 1 : 0,
  )
}
