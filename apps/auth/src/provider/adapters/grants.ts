import type { Adapter } from 'oidc-provider'
import type { AdapterOptions } from './options.ts'
import { createRecordAdapter } from './records.ts'
import { registeredClients } from './registered-clients.ts'

/** A client that a person granted something is kept for longer. */
export function createGrantAdapter(options: AdapterOptions): Adapter {
  const base = createRecordAdapter(options, 'Grant')
  const registered = registeredClients(options)
  return {
    ...base,
    async upsert(id, payload, expiresIn) {
      await base.upsert(id, payload, expiresIn)
      if (payload.clientId) await registered.markUsed(payload.clientId)
    },
  }
}
