// One process that has no others: it holds everything, and nobody writes to it.
import { randomUUID } from 'node:crypto'
import { ReplicaGoneError, type Replicas } from './contract.ts'

/** Values are kept in memory: so many, and of so many bytes in all. */
const mostValues = 10_000
const mostBytes = 64 * 1024 * 1024

/** `now`: milliseconds of any clock that goes on. */
export function createLoneReplica({ now }: { readonly now: () => number }): Replicas {
  const self = randomUUID()
  const values = new Map<string, { readonly value: Uint8Array; readonly end: number }>()
  let fence = 0
  let bytes = 0

  function remove(key: string): void {
    bytes -= values.get(key)?.value.byteLength ?? 0
    values.delete(key)
  }

  return {
    self,
    isSure: () => true,
    async claim() {
      fence += 1
      return { holder: self, fence }
    },
    renew: async () => undefined,
    release: async () => undefined,
    onLost: () => () => undefined,
    isAlive: async (replica) => replica === self,
    async send() {
      throw new ReplicaGoneError()
    },
    onMail: () => undefined,
    async get(key) {
      const found = values.get(key)
      return found && found.end > now() ? found.value : undefined
    },
    async put(key, value, life) {
      remove(key)
      if (value.byteLength > mostBytes) return
      values.set(key, { value, end: now() + life })
      bytes += value.byteLength
      for (const oldest of values.keys()) {
        if (values.size <= mostValues && bytes <= mostBytes) break
        remove(oldest)
      }
    },
    async remove(key) {
      remove(key)
    },
    close: async () => undefined,
  }
}
