// How many clients may register themselves (RFC 7591 §5), and under which id. Public clients that send the same metadata
// are the same client: an app that registers at every start, or on thousands of laptops, stays one record. A client with
// a secret is always a new one, so that nobody gets at its secret by sending the same words.
import { createHmac, randomBytes } from 'node:crypto'
import ipaddr from 'ipaddr.js'
import type { AttemptStore } from '../store/contract.ts'

const HOUR_SECONDS = 3_600
/** In an hour. Many people may share one address, so one address may register many clients. */
const REGISTRATIONS = { address: 100, all: 2_000 }

export interface RegistrationBudget {
  /** Takes one registration out of the budgets. `retryAfter` is in seconds. */
  take(address: string): Promise<{ readonly allowed: boolean; readonly retryAfter: number }>
}

export function createRegistrationBudget(attempts: AttemptStore): RegistrationBudget {
  return {
    async take(address) {
      const own = await attempts.take(`register:address:${networkOf(address)}`, REGISTRATIONS.address, HOUR_SECONDS)
      return own.allowed ? attempts.take('register:all', REGISTRATIONS.all, HOUR_SECONDS) : own
    },
  }
}

/** The id of a client that registers itself with this metadata. `key` makes ids that nobody can work out beforehand. */
export function registeredClientId(key: Buffer, metadata: unknown): string {
  const isPublic =
    (metadata as { token_endpoint_auth_method?: unknown } | undefined)?.token_endpoint_auth_method === 'none'
  if (!isPublic) return randomBytes(24).toString('base64url')
  return createHmac('sha256', key).update(canonical(metadata)).digest().subarray(0, 24).toString('base64url')
}

/** An IPv6 network of 64 bits belongs to one person as an IPv4 address does. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv4'
    ? parsed.toString()
    : `${parsed.toNormalizedString().split(':').slice(0, 4).join(':')}::/64`
}

/** JSON with members in order, so that equal metadata is equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
