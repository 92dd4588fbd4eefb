// How often something may be tried: a request takes one attempt out of each of several budgets, or out of none.
import ipaddr from 'ipaddr.js'
import type { AttemptStore } from '../store/contract.ts'

export interface Budget {
  /** What is counted, such as `register:all`. */
  readonly name: string
  readonly limit: number
  readonly windowSeconds: number
}

export interface Taken {
  readonly allowed: boolean
  /** In seconds, until the budget that is used up is whole again. */
  readonly retryAfter: number
  /** For an attempt that turned out right. */
  giveBack(): Promise<void>
}

export async function takeFrom(attempts: AttemptStore, budgets: readonly Budget[]): Promise<Taken> {
  const taken: string[] = []
  const giveBack = async () => {
    await Promise.all(taken.map((name) => attempts.giveBack(name)))
  }
  for (const { name, limit, windowSeconds } of budgets) {
    const { allowed, retryAfter } = await attempts.take(name, limit, windowSeconds)
    if (!allowed) {
      await giveBack()
      return { allowed, retryAfter, giveBack: async () => undefined }
    }
    taken.push(name)
  }
  return { allowed: true, retryAfter: 0, giveBack }
}

/** Whose an address is, for counting: an IPv6 network of 64 bits belongs to one person as an IPv4 address does. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv4' ? parsed.toString() : networkOfBits(parsed, 64)
}

/** The IPv6 network of 48 bits around an address: the most that one customer usually has. Undefined for IPv4. */
export function siteOf(address: string): string | undefined {
  if (!ipaddr.isValid(address)) return undefined
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv4' ? undefined : networkOfBits(parsed, 48)
}

function networkOfBits(address: { toNormalizedString(): string }, bits: number): string {
  return `${address
    .toNormalizedString()
    .split(':')
    .slice(0, bits / 16)
    .join(':')}::/${bits}`
}
