// Catalogs in the memory of this process.
import type { CatalogStore, Clock } from './contract.ts'

/** Characters of JSON, in all. */
const defaultRoom = 67_108_864

/** Forgets what was not asked for the longest where there is no room. */
export function createMemoryCatalogStore(clock: Clock, room = defaultRoom): CatalogStore {
  const kept = new Map<string, { readonly value: unknown; readonly end: number; readonly size: number }>()
  let size = 0

  function drop(key: string): void {
    size -= kept.get(key)?.size ?? 0
    kept.delete(key)
  }

  return {
    async get(key) {
      const found = kept.get(key)
      if (!found) return undefined
      kept.delete(key)
      if (found.end > clock.now()) {
        kept.set(key, found)
        return found.value
      }
      size -= found.size
      return undefined
    },
    async put(key, value, end) {
      drop(key)
      const length = key.length + JSON.stringify(value).length
      if (length > room) return
      for (const oldest of kept.keys()) {
        if (size + length <= room) break
        drop(oldest)
      }
      kept.set(key, { value, end, size: length })
      size += length
    },
  }
}
