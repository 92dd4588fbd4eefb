import type { Adapter } from 'oidc-provider'
import type { AdapterOptions } from './options.ts'
import { createRecordAdapter } from './records.ts'
import { context } from './request.ts'

/**
 * A session gets another id at sign-in. The engine deletes the old one first: where the store goes away in between, the
 * browser would have none, and a device code that it had entered would be nobody's. Here the new one comes first.
 */
export function createSessionAdapter(options: AdapterOptions): Adapter {
  const base = createRecordAdapter(options, 'Session')
  const replacedId = () => (context()?.oidc.session as { readonly oldId?: string } | undefined)?.oldId
  return {
    ...base,
    async destroy(id) {
      if (id !== replacedId()) await base.destroy(id)
    },
    async upsert(id, payload, expiresIn) {
      await base.upsert(id, payload, expiresIn)
      const old = replacedId()
      if (old !== undefined) await base.destroy(old)
    },
  }
}
