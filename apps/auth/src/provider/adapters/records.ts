// Any model of the engine as a record of our store.
import type { Adapter, AdapterPayload } from 'oidc-provider'
import type { Payload } from '../../store/contract.ts'
import type { AdapterOptions } from './options.ts'
import { seen } from './visibility.ts'

/** What is written when a person grants something, and whenever a client renews its tokens: connected-apps.ts lists it. */
const usesOfGrants = new Set(['Grant', 'RefreshToken'])

export function createRecordAdapter(options: AdapterOptions, model: string): Adapter {
  const { records } = options.store
  return {
    // the engine says it in seconds
    upsert: (id, payload, expiresIn) =>
      records.put(model, id, payload as Payload, expiresIn && expiresIn * 1000, indexes(model, payload)),
    find: async (id) => seen(options, model, await records.find(model, id)),
    findByUid: async (uid) => seen(options, model, await records.findByUid(model, uid)),
    findByUserCode: async () => undefined,
    consume: (id) => records.consume(model, id),
    destroy: (id) => records.destroy(model, id),
    revokeByGrantId: (grantId) => records.revokeByGrant(grantId),
  }
}

function indexes(model: string, { uid, grantId, accountId }: AdapterPayload) {
  const isUse = accountId && usesOfGrants.has(model)
  return { ...(uid && { uid }), ...(grantId && { grantId }), ...(isUse && { accountId }) }
}
