import type { Adapter } from 'oidc-provider'
import { refreshLifetime } from '../lifetimes.ts'
import type { AdapterOptions } from './options.ts'
import { createRedeemableAdapter } from './redeemable.ts'
import { context } from './request.ts'

/** Lifetimes that were made shorter count for what was issued before, too: somebody may have had a reason. */
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
  }
}
