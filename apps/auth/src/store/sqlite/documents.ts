import type { DocumentStore } from '../contract.ts'
import { SealBrokenError } from '../sealing.ts'
import type { SqlitePartOptions } from './records.ts'

interface DocumentRow {
  readonly value: Uint8Array
}

export function createSqliteDocuments({ database, sealing, envelopes }: SqlitePartOptions): DocumentStore {
  const select = database.prepare('SELECT value FROM documents WHERE name = :name')
  const insert = database.prepare('INSERT INTO documents (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING')
  const replace = database.prepare('INSERT OR REPLACE INTO documents (name, value) VALUES (:name, :value)')

  const nameOf = (name: string) => sealing.hashKey('document', name)

  /** What was sealed under the previous secret is sealed anew: nothing else ever writes a document again. */
  function open(name: string, sealed: Uint8Array): unknown {
    const value = envelopes.openDocument(name, sealed)
    if (!sealing.isCurrent(sealed)) {
      database.write(() => replace.run({ name, value: envelopes.sealDocument(name, value) }))
    }
    return value
  }

  return {
    async get(name) {
      const hash = nameOf(name)
      const row = database.read(() => select.get({ name: hash }) as DocumentRow | undefined)
      try {
        return row && open(hash, row.value)
      } catch (error) {
        if (error instanceof SealBrokenError) return undefined
        throw error
      }
    },

    async put(name, value) {
      const hash = nameOf(name)
      database.write(() => replace.run({ name: hash, value: envelopes.sealDocument(hash, value) }))
    },

    // One that is there and does not open throws SealBrokenError: with a wrong AUTH_SECRET the signing keys would be
    // lost to new ones.
    async putIfAbsent(name, value) {
      const hash = nameOf(name)
      const sealed = envelopes.sealDocument(hash, value)
      const row = database.write(() => {
        insert.run({ name: hash, value: sealed })
        return select.get({ name: hash }) as unknown as DocumentRow
      })
      return open(hash, row.value)
    },
  }
}
