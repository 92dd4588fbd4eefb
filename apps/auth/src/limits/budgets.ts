// How often something may be tried: a request takes one attempt out of each of several budgets, or out of none.
import type { AttemptStore } from '../store/contract.ts'
import type { Limit } from './matrix.ts'

interface Budget {
  /** What is counted, such as `registration:shared`. */
  readonly name: string
  readonly limit: number
  /** In milliseconds. */
  readonly window: number
}

export interface Taken {
  readonly allowed: boolean
  /** In whole seconds, as HTTP says it, until the budget that is used up is whole again. */
  readonly retryAfter: number
  /** For an attempt that turned out right. */
  giveBack(): Promise<void>
}

export async function takeFrom(attempts: AttemptStore, { name, limit, window }: Budget): Promise<Taken> {
  const { allowed, retryAfter } = await attempts.take(name, limit, window)
  const seconds = Math.ceil(retryAfter / 1000)
  return { allowed, retryAfter: seconds, giveBack: async () => (allowed ? attempts.giveBack(name) : undefined) }
}

/** Takes one after the other. What was taken goes back once one of them is used up. */
export async function takeEach(takes: readonly (() => Promise<Taken>)[]): Promise<Taken> {
  const taken: Taken[] = []
  const giveBack = async () => {
    await Promise.all(taken.map((each) => each.giveBack()))
  }
  for (const take of takes) {
    const each = await take()
    if (!each.allowed) {
      await giveBack()
      return each
    }
    taken.push(each)
  }
  return { allowed: true, retryAfter: 0, giveBack }
}

/**
 * One attempt of a network, out of its own budget and out of one of the pots for all (matrix.ts). Undefined is nobody's
 * network, as where we ask for ourselves.
 */
export async function takeShare(
  attempts: AttemptStore,
  name: string,
  { window, network: own, pots }: Limit,
  network: string | undefined,
): Promise<Taken> {
  const budget = (part: string, limit: number) => () => takeFrom(attempts, { name: `${name}:${part}`, limit, window })
  const fromPots = async ({ first, newcomers, shared }: NonNullable<Limit['pots']>) => {
    const parts = [budget(`first:${network}`, first), budget('newcomers', newcomers)]
    const asNewcomer = network === undefined ? undefined : await takeEach(parts)
    return asNewcomer?.allowed ? asNewcomer : budget('shared', shared)()
  }
  return takeEach([
    ...(network === undefined ? [] : [budget(`network:${network}`, own)]),
    ...(pots ? [() => fromPots(pots)] : []),
  ])
}
