// What the long way of a poll (adapters/device-codes.ts) and the short one (short-polls.ts) have in common.
import { errors } from 'oidc-provider'
import type { Payload, RecordStore } from '../../store/contract.ts'

/** RFC 8628 §3.5. */
export function slowDown(): errors.OIDCProviderError {
  return new errors.SlowDown('wait for the interval, which has grown by 5 seconds')
}

/** Whether the person approved or denied what this code asks for. */
export function isDecided({ accountId, error }: Payload): boolean {
  return Boolean(accountId || error)
}

/** Whether a code is decided by now, or is no more. */
export async function isDecidedNow(records: RecordStore, deviceCode: string): Promise<boolean> {
  const now = await records.find('DeviceCode', deviceCode)
  return !now || now.consumedAt !== undefined || isDecided(now.payload)
}
