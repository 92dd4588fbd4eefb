import { type Candidates, createSealing, type Sealing, type SealingOptions } from '../sealing.ts'

/** A sealing whose secret can change under an open store, and that can do what an intruder in the store would do. */
export interface TestSealing extends Sealing {
  useSecrets(secrets: SealingOptions): void
  /** Every value that was sealed, oldest first. */
  readonly sealed: readonly Buffer[]
  /** From now on these bytes are stored instead of any value: as if they had been moved there. */
  plant(sealed: Buffer): void
  /** From now on whatever is stored under `id` is stored, and looked for, under `target`. */
  alias(id: string, target: string): void
  stopMeddling(): void
}

export const firstSecret: SealingOptions = { secret: 'the first secret, of the tests alone' }
export const secondSecret: SealingOptions = { secret: 'the second secret, of the tests alone' }
export const rotatedSecrets: SealingOptions = { ...secondSecret, previous: firstSecret.secret }

export function createTestSealing(): TestSealing {
  let real = createSealing(firstSecret)
  let planted: Buffer | undefined
  const sealed: Buffer[] = []
  const aliases = new Map<string, string>()
  const resolve = (id: string) => aliases.get(id) ?? id

  return {
    sealed,
    useSecrets(secrets) {
      real = createSealing(secrets)
    },
    plant(bytes) {
      planted = bytes
    },
    alias(id, target) {
      aliases.set(id, target)
    },
    stopMeddling() {
      planted = undefined
      aliases.clear()
    },
    seal(kind, key, value) {
      const bytes = planted ?? real.seal(kind, key, value)
      sealed.push(bytes)
      return bytes
    },
    open: (kind, key, bytes) => real.open(kind, key, bytes),
    isCurrent: (bytes) => real.isCurrent(bytes),
    hashKey: (kind, id) => real.hashKey(kind, resolve(id)),
    keyedHash: (kind, value): Candidates<string> => real.keyedHash(kind, resolve(value)),
    userCodeKey: (userCode) => real.userCodeKey(resolve(userCode)),
    derive: (purpose) => real.derive(purpose),
    deriveAll: (purpose) => real.deriveAll(purpose),
  }
}
