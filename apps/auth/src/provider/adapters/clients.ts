import { type Adapter, type AdapterPayload, type ClientMetadata, errors } from 'oidc-provider'
import { isDocumentId } from '../clients/documents/client-documents.ts'
import { noteRepetition } from '../clients/registration.ts'
import { withHashedSecret } from '../clients/secrets.ts'
import type { AdapterOptions } from './options.ts'
import { createRecordAdapter } from './records.ts'
import { registeredClients } from './registered-clients.ts'
import { context } from './request.ts'

/** The operator's clients first, then those that registered themselves, or are a document at their id. */
export function createClientAdapter(options: AdapterOptions): Adapter {
  const { findStaticClient, unverified, knownClients } = options
  const registered = registeredClients(options)
  return {
    ...createRecordAdapter(options, 'Client'),
    async upsert(id, payload) {
      const wasKnown = await registered.save(id, withHashedSecret(payload as ClientMetadata) as AdapterPayload)
      knownClients.forget(id)
      const request = context()?.req
      if (wasKnown && request) noteRepetition(request)
    },
    async find(id) {
      const known = findStaticClient(id)
      if (known) return known as AdapterPayload
      if (!unverified) throw new errors.InvalidClient('only clients that the operator registered are known here')
      if (!isDocumentId(id)) return knownClients.find(id, () => registered.find(id))
      const { documents } = unverified
      if (!documents) throw new errors.InvalidClient('client metadata documents are not read here: register instead')
      return knownClients.find(id, async () => (await documents.find(id)) as AdapterPayload)
    },
  }
}
