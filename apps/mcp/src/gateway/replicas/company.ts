// This replica among the others: what it holds, what it has others do, and what all of them see.
import type { Replicas } from '@gatehouse/replicas'
import type { CatalogStore, Clock } from '../catalog/contract.ts'
import type { Budgets } from '../limits/budgets.ts'
import type { Upstream } from '../upstreams/contract.ts'
import type { SavedSessions } from '../upstreams/saved-sessions.ts'
import type { PooledUpstream } from '../upstreams/upstream.ts'
import { atHolder } from './at-holder.ts'
import { createCalls } from './calls.ts'
import type { Instance } from './holdings.ts'
import { createParkedElsewhere, type ParkedElsewhere } from './parked-elsewhere.ts'
import { createSealedMail } from './sealed-mail.ts'
import { createSharedBudgets } from './shared-budgets.ts'
import { createSharedCatalogStore } from './shared-catalog.ts'
import { createSharedSessions } from './shared-sessions.ts'

export interface Company {
  /**
   * The same upstream, whose connections are at one replica each. `print`: of its settings, so that replicas that have others
   * do nothing for one another.
   */
  place(upstream: PooledUpstream, print: string): Upstream
  /** Of the upstream with this name and print of its settings. */
  sessionsOf(upstream: string, print: string): SavedSessions
  parkedAt(endpoint: string): ParkedElsewhere
  /** `own`: of this process. */
  catalogStore(own: CatalogStore): CatalogStore
  /** `own`: of this process, which counts by itself while the store is away. `onAway` is told so, once until it is back. */
  budgets(own: Budgets, onAway: (error: Error) => void): Budgets
  /** Begins nothing more for other replicas. Resolves when what was begun has been answered. */
  drain(): Promise<void>
  close(): Promise<void>
}

export interface CompanyOptions {
  readonly replicas: Replicas
  readonly secrets: readonly string[]
  readonly clock: Clock
  readonly onerror: (error: Error) => void
}

export function openCompany({ replicas, secrets, clock, onerror }: CompanyOptions): Company {
  const mail = createSealedMail(secrets)
  const instances = new Map<string, Instance>()
  const calls = createCalls({ replicas, mail, onerror })
  return {
    place: (upstream, print) =>
      atHolder(upstream, { replicas, calls, clock, onerror, instances, version: mail.nameOf(print) }),
    sessionsOf: (upstream, print) =>
      createSharedSessions({ replicas, mail, onerror, prefix: `${upstream}:${mail.nameOf(print)}:` }),
    parkedAt: (endpoint) => createParkedElsewhere(replicas, calls, endpoint),
    catalogStore: (own) => createSharedCatalogStore({ replicas, mail, clock, own, onerror }),
    budgets: (own, onAway) => createSharedBudgets({ replicas, mail, own, onAway }),
    drain: () => calls.drain(),
    async close() {
      calls.close()
      await replicas.close()
    },
  }
}
