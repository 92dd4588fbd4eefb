// What the engine is shown of a stored record, and when it was used.
import type { AdapterPayload } from 'oidc-provider'
import type { StoredRecord } from '../../store/contract.ts'
import type { AdapterOptions } from './options.ts'

/**
 * For this long after a code or token was used, the engine does not see that it was. A caller that lost the race by a
 * moment would otherwise look like a thief, and the engine would revoke the winner's grant.
 */
const consumedHiddenMs = 2_000
/** What is presented again within the grace gets its answer again: grants/reuse-grace.ts. */
const answeredAgain = new Set(['RefreshToken', 'DeviceCode'])

type Times = Pick<AdapterOptions, 'clock' | 'reuseGrace'>

/**
 * The record as the engine may see it now: see {@link consumedHiddenMs}. What was redeemed within the grace looks unused
 * on every route, so that every check of a request comes out as before; consume() then leads to the answer that was given.
 */
export function seen(options: Times, model: string, record: StoredRecord | undefined): AdapterPayload | undefined {
  if (!record) return undefined
  const { consumed: _, ...payload } = record.payload as AdapterPayload
  if (record.consumedAt === undefined) return payload
  if (isInGrace(options, model, record) || sinceUse(options, record) < consumedHiddenMs) return payload
  return { ...payload, consumed: Math.floor(record.consumedAt / 1000) }
}

export function isInGrace(options: Times, model: string, record: StoredRecord): boolean {
  return answeredAgain.has(model) && sinceUse(options, record) < options.reuseGrace * 1000
}

/** In milliseconds, from either side: what was used long before the clock was set back must not look just used. */
function sinceUse({ clock }: Times, { consumedAt }: StoredRecord): number {
  return consumedAt === undefined ? Number.POSITIVE_INFINITY : Math.abs(clock() - consumedAt)
}
