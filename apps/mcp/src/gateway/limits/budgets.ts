// How often something was done, counted in windows of a fixed length: by this process, or by all replicas together
// (../replicas/shared-budgets.ts). What is counted, and for whom, is for limits.ts to say.
import { createRecent } from '../recent.ts'

export interface Taken {
  readonly allowed: boolean
  /** Milliseconds until the window ends; never 0. */
  readonly retryAfter: number
  /** For what was not done after all. */
  giveBack(): Promise<void>
}

export interface Budgets {
  /**
   * Takes one out of `limit` in a window of so many milliseconds, which begins with the first one. Another limit counts at once,
   * with what was taken before. Never rejects. `name`: a digest.
   */
  take(name: string, limit: number, window: number): Promise<Taken>
}

/** Those that were not used for longest are forgotten, and begin again. */
const mostBudgets = 50_000

/** Of this process alone. `now`: milliseconds of a clock, which may be set back. */
export function createOwnBudgets({
  now,
  most = mostBudgets,
}: {
  readonly now: () => number
  readonly most?: number
}): Budgets {
  const windows = createRecent<{ readonly taken: number; readonly endsAt: number }>(most)
  return {
    async take(name, limit, window) {
      const latest = now() + window
      const before = windows.get(name)
      const isOpen = before !== undefined && before.endsAt > now()
      // one that ends later than it could was begun before the clock was set back
      const endsAt = isOpen ? Math.min(before.endsAt, latest) : latest
      const taken = isOpen ? before.taken : 0
      const allowed = taken < limit
      windows.set(name, { taken: allowed ? taken + 1 : taken, endsAt })
      return {
        allowed,
        retryAfter: endsAt - now(),
        async giveBack() {
          const open = windows.get(name)
          if (allowed && open && open.taken > 0) windows.set(name, { ...open, taken: open.taken - 1 })
        },
      }
    },
  }
}

/** One out of each, or out of none. Undefined: it was taken; else the first that is used up. */
export async function takeEach<
  Budget extends { readonly name: string; readonly limit: number; readonly window: number },
>(
  budgets: Budgets,
  wanted: readonly Budget[],
): Promise<{ readonly budget: Budget; readonly retryAfter: number } | undefined> {
  const taken: Taken[] = []
  for (const budget of wanted) {
    const one = await budgets.take(budget.name, budget.limit, budget.window)
    if (!one.allowed) {
      for (const each of taken) await each.giveBack()
      return { budget, retryAfter: one.retryAfter }
    }
    taken.push(one)
  }
  return undefined
}
