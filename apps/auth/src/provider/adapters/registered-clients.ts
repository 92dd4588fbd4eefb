// Clients that registered themselves (RFC 7591), and how long each is remembered.
import type { AdapterPayload } from 'oidc-provider'
import type { AdapterOptions } from './options.ts'

/** A registered client that nobody uses is forgotten after this; any use within it starts it again. */
const clientLifetimeMs = 90 * 86_400_000
/** One that never came back after it registered is forgotten sooner: most registrations are never used. */
const neverUsedLifetimeMs = 86_400_000
const clientRenewalMs = 86_400_000

interface RegisteredClient {
  readonly metadata: AdapterPayload
  /** Whether it came back after it registered. */
  readonly used: boolean
  /** In milliseconds since the epoch. */
  readonly expiresAt: number
}

export function registeredClients({ store, clock }: Pick<AdapterOptions, 'store' | 'clock'>) {
  const put = async (id: string, metadata: AdapterPayload, used: boolean) => {
    const lifetime = used ? clientLifetimeMs : neverUsedLifetimeMs
    const client: RegisteredClient = { metadata, used, expiresAt: clock() + lifetime }
    await store.records.put('Client', id, { ...client }, lifetime)
  }
  const load = async (id: string) => {
    const client = (await store.records.find('Client', id))?.payload as unknown as RegisteredClient | undefined
    return client && client.expiresAt > clock() ? client : undefined
  }
  return {
    /** Returns whether there was one of this id. */
    async save(id: string, metadata: AdapterPayload) {
      const known = await load(id)
      await put(id, metadata, known?.used ?? false)
      return known !== undefined
    },
    async find(id: string) {
      const client = await load(id)
      if (!client) return undefined
      const renewedAt = client.expiresAt - clientLifetimeMs
      if (client.used && clock() - renewedAt > clientRenewalMs) await put(id, client.metadata, true)
      return client.metadata
    },
    /** A person granted it something. Merely being asked for keeps nobody: anybody can ask. */
    async markUsed(id: string) {
      const client = await load(id)
      if (client && !client.used) await put(id, client.metadata, true)
    },
  }
}
