// Catalogs where all replicas see them, so that one that starts lists and routes as the others do. What was read is believed
// for two seconds, and is the same value for as long as it did not change.
import type { Replicas } from '@gatehouse/replicas'
import type { CatalogStore, Clock } from '../catalog/contract.ts'
import { createRecent } from '../recent.ts'
import type { Json } from '../upstreams/contract.ts'
import type { SealedMail } from './sealed-mail.ts'

export interface SharedCatalogOptions {
  readonly replicas: Replicas
  readonly mail: SealedMail
  readonly clock: Clock
  /** Of this process: what is too large for the others, and all of it while the store is away. */
  readonly own: CatalogStore
  readonly onerror: (error: Error) => void
}

/** Milliseconds. */
const believedFor = 2_000
/** Bytes of one value that others see. */
const largest = 2 * 1024 * 1024
const mostKnown = 10_000

interface Known {
  readonly sealed: Uint8Array | undefined
  readonly value: Json
  readonly at: number
}

export function createSharedCatalogStore({ replicas, mail, clock, own, onerror }: SharedCatalogOptions): CatalogStore {
  const known = createRecent<Known>(mostKnown)

  async function look(key: string): Promise<Json | undefined> {
    const before = known.get(key)
    const sealed = await replicas.get(key)
    if (!sealed) {
      known.delete(key)
      return own.get(key)
    }
    const isSame = before?.sealed !== undefined && Buffer.compare(before.sealed, sealed) === 0
    const opened = isSame ? undefined : mail.open(key, sealed)
    const value = isSame ? before.value : opened && JSON.parse(opened.toString('utf8'))
    if (value !== undefined) known.set(key, { sealed, value, at: clock.now() })
    return value
  }

  return {
    async get(key) {
      const before = known.get(key)
      if (before && clock.now() - before.at < believedFor) return before.value
      try {
        return await look(key)
      } catch (error) {
        onerror(error as Error)
        return before?.value ?? own.get(key)
      }
    },

    async put(key, value, end) {
      const text = JSON.stringify(value)
      if (text.length > largest) {
        await replicas.remove(key).catch(onerror)
        known.delete(key)
        return own.put(key, value, end)
      }
      const sealed = mail.seal(key, Buffer.from(text))
      known.set(key, { sealed, value, at: clock.now() })
      await own.put(key, value, end)
      await replicas.put(key, sealed, Math.max(1, end - clock.now())).catch(onerror)
    },
  }
}
