// Budgets that all replicas share. While the store is away each counts by itself: nothing waits for it, and nothing is without
// a limit.
import type { Replicas } from '@gatehouse/replicas'
import type { Budgets } from '../limits/budgets.ts'
import type { SealedMail } from './sealed-mail.ts'

export interface SharedBudgetsOptions {
  readonly replicas: Pick<Replicas, 'take' | 'giveBack'>
  readonly mail: Pick<SealedMail, 'nameOf'>
  /** Of this process. */
  readonly own: Budgets
  /** Told when the store is away, once until it is back. */
  readonly onAway: (error: Error) => void
}

export function createSharedBudgets({ replicas, mail, own, onAway }: SharedBudgetsOptions): Budgets {
  let isAway = false
  return {
    async take(name, limit, window) {
      const key = mail.nameOf(`budget ${name}`)
      try {
        const { allowed, retryAfter } = await replicas.take(key, limit, window)
        isAway = false
        const giveBack = async () => (allowed ? replicas.giveBack(key).catch(() => undefined) : undefined)
        return { allowed, retryAfter, giveBack }
      } catch (error) {
        if (!isAway) onAway(error as Error)
        isAway = true
        return own.take(name, limit, window)
      }
    },
  }
}
