// What a client trades for tokens: used once, by the client it was issued to, for what was granted.
import { parseScope } from '@gatehouse/shared'
import type { Adapter } from 'oidc-provider'
import { AlreadyConsumedError } from '../../errors.ts'
import { AlreadyRedeemedError } from '../grants/already-redeemed.ts'
import { OtherClientError } from '../grants/other-client.ts'
import { isTakingOver } from '../grants/reuse-grace.ts'
import { redemption } from '../operation.ts'
import { narrowToGranted } from '../request-parameters.ts'
import { refuseGoneResource, refuseOtherResource } from '../resources.ts'
import type { AdapterOptions } from './options.ts'
import { createRecordAdapter } from './records.ts'
import { isInGrace } from './visibility.ts'

/** Throws {@link OtherClientError} to a client that redeems what is not its own. */
export function createRedeemableAdapter(options: AdapterOptions, model: string): Adapter {
  const { readAhead } = options
  const { records } = options.store
  const base = createRecordAdapter(options, model)
  return {
    ...base,
    async find(id) {
      const record = await base.find(id)
      const request = redemption()?.oidc
      if (!record || !request) return record
      if (record.clientId !== request.client.clientId) throw new OtherClientError()
      if (record.grantId && record.accountId) {
        readAhead('Grant', record.grantId)
        readAhead('Account', record.accountId, 'lasting')
      }
      refuseOtherResource(record, request)
      refuseGoneResource(record, options.resources)
      await narrowToGranted(record, request, async () => {
        const grant = record.grantId ? await records.find('Grant', record.grantId) : undefined
        const { rejected } = (grant?.payload ?? {}) as { readonly rejected?: { openid?: { scope?: string } } }
        return parseScope(rejected?.openid?.scope)
      })
      return record
    },
    async consume(id) {
      try {
        await records.consume(model, id)
      } catch (error) {
        const record = error instanceof AlreadyConsumedError ? await records.find(model, id) : undefined
        if (!record || !isInGrace(options, model, record)) throw error
        // a take-over is the winner's second try
        if (!isTakingOver()) throw new AlreadyRedeemedError(record.payload)
      }
    },
  }
}
