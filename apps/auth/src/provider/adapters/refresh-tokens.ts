import type { Adapter } from 'oidc-provider'
import { refreshLifetime } from '../lifetimes.ts'
import { redemption } from '../operation.ts'
import type { AdapterOptions } from './options.ts'
import { createRedeemableAdapter } from './redeemable.ts'
import { context } from './request.ts'

/** Of requests that use up a token, while the store marks it. */
const consuming = new WeakMap<object, Promise<void>>()

/**
 * Whatever the current request uses up is marked as used. Throws what consume() of the adapter would have thrown. To be awaited
 * before anything is made of what was redeemed.
 */
export async function consumption(): Promise<void> {
  const request = redemption()
  const mark = request && consuming.get(request)
  if (!mark) return
  consuming.delete(request)
  await mark
}

/**
 * A token is marked as used while the next one is written, so that both are on their way together. Nobody is told the next
 * one before both are done. Who loses the race for the mark takes back what they wrote.
 *
 * Lifetimes that were made shorter count for what was issued before, too: somebody may have had a reason.
 */
export function createRefreshTokenAdapter(options: AdapterOptions): Adapter {
  const base = createRedeemableAdapter(options, 'RefreshToken')
  return {
    ...base,
    async find(id) {
      const token = await base.find(id)
      const client = context()?.oidc.client
      if (!token?.iat || !token.exp || !client) return token
      const lifetime = refreshLifetime(options.lifetimes, client, token.gty?.includes('device_code') ?? false)
      return { ...token, exp: Math.min(token.exp, token.iat + lifetime) }
    },
    async consume(id) {
      const request = redemption()
      const mark = base.consume(id)
      if (!request) return mark
      mark.catch(() => undefined) // told by consumption()
      consuming.set(request, mark)
    },
    async upsert(id, payload, expiresIn) {
      const [marked, written] = await Promise.allSettled([consumption(), base.upsert(id, payload, expiresIn)])
      if (marked.status === 'rejected') {
        // nobody knows its id
        if (written.status === 'fulfilled') await base.destroy(id).catch(() => undefined)
        throw marked.reason
      }
      if (written.status === 'rejected') throw written.reason
    },
  }
}
