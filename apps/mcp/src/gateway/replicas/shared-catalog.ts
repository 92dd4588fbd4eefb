// Catalogs where all replicas see them, so that one that starts lists and routes as the others do. What was read is believed
// for two seconds, and is the same value for as long as it did not change.
import { createHash } from 'node:crypto'
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
/** Characters of one value that others see. */
const largest = 2 * 1024 * 1024
const mostKnown = 10_000

/** Of what was read last: when, and the digest of it as it is kept. The value is in the store of this process. */
interface Seen {
  readonly mark: string
  readonly at: number
}

export function createSharedCatalogStore({ replicas, mail, clock, own, onerror }: SharedCatalogOptions): CatalogStore {
  const seen = createRecent<Seen>(mostKnown)

  async function look(key: string): Promise<Json | undefined> {
    const sealed = await replicas.get(key)
    if (!sealed) {
      seen.delete(key)
      return own.get(key)
    }
    const mark = markOf(sealed)
    const before = seen.get(key)?.mark === mark ? await own.get(key) : undefined
    if (before === undefined) {
      const opened = mail.open(key, sealed)
      if (!opened) return own.get(key)
      const { value, end } = JSON.parse(opened.toString('utf8'))
      await own.put(key, value, end)
    }
    seen.set(key, { mark, at: clock.now() })
    return own.get(key)
  }

  return {
    async get(key) {
      const last = seen.get(key)
      const value = last && clock.now() - last.at < believedFor ? await own.get(key) : undefined
      if (value !== undefined) return value
      try {
        return await look(key)
      } catch (error) {
        onerror(error as Error)
        return own.get(key)
      }
    },

    async put(key, value, end) {
      await own.put(key, value, end)
      const text = JSON.stringify({ value, end })
      if (text.length > largest) {
        seen.delete(key)
        await replicas.remove(key).catch(onerror)
        return
      }
      const sealed = mail.seal(key, Buffer.from(text))
      seen.set(key, { mark: markOf(sealed), at: clock.now() })
      await replicas.put(key, sealed, Math.max(1, end - clock.now())).catch(onerror)
    },
  }
}

function markOf(sealed: Uint8Array): string {
  return createHash('sha256').update(sealed).digest('base64')
}
