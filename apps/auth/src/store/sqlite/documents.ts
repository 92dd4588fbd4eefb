import type { DocumentStore } from '../contract.ts'
import { SealBrokenError } from '../sealing.ts'
import { readCursor, type SqlitePartOptions, toPage } from './records.ts'

interface DocumentRow {
  readonly key: string
  readonly value: Uint8Array
}

export function createSqliteDocuments({ database, sealing, envelopes }: SqlitePartOptions): DocumentStore {
  const isThere = '(ends_at IS NULL OR ends_at > :now)'
  const select = database.prepare(`SELECT name AS key, value FROM documents WHERE name = :name AND ${isThere}`)
  const list = database.prepare(
    `SELECT name AS key, value FROM documents WHERE name > :after AND ${isThere} ORDER BY name LIMIT :size`,
  )
  const purge = database.prepare('DELETE FROM documents WHERE name = :name AND ends_at <= :now')
  const insert = database.prepare('INSERT INTO documents (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING')
  const put = database.prepare('INSERT OR REPLACE INTO documents (name, value) VALUES (:name, :value)')
  const renew = database.prepare('UPDATE documents SET value = :value WHERE name = :name AND value = :before')
  const end = database.prepare(
    'UPDATE documents SET ends_at = :end WHERE name = :name AND (ends_at IS NULL OR ends_at > :end)',
  )

  const nameOf = (name: string) => sealing.hashKey('document', name)

  /** What was sealed under the previous secret is sealed again: nothing else ever writes a document again. */
  async function open({ key: name, value: sealed }: DocumentRow): Promise<unknown> {
    const value = envelopes.openDocument(name, sealed)
    if (!sealing.isCurrent(sealed)) {
      const renewed = envelopes.sealDocument(name, value)
      // not what was put meanwhile
      await database.write(() => renew.run({ name, value: renewed, before: sealed }))
    }
    return value
  }

  async function openIfSealed(row: DocumentRow): Promise<unknown> {
    try {
      return await open(row)
    } catch (error) {
      if (error instanceof SealBrokenError) return undefined
      throw error
    }
  }

  return {
    async get(name) {
      const row = database.read((now) => select.get({ name: nameOf(name), now }) as DocumentRow | undefined)
      return row && openIfSealed(row)
    },

    async put(name, value) {
      const hash = nameOf(name)
      const sealed = envelopes.sealDocument(hash, value)
      await database.write(() => put.run({ name: hash, value: sealed }))
    },

    // One that is there and does not open throws SealBrokenError: with a wrong AUTH_SECRET the signing keys would be
    // lost to new ones.
    async putIfAbsent(name, value) {
      const hash = nameOf(name)
      const sealed = envelopes.sealDocument(hash, value)
      const row = await database.write((now) => {
        purge.run({ name: hash, now })
        insert.run({ name: hash, value: sealed })
        return select.get({ name: hash, now }) as unknown as DocumentRow
      })
      return open(row)
    },

    async endWithin(name, time) {
      await database.write((now) => end.run({ name: nameOf(name), end: Math.round(now + time) }))
    },

    async list({ after = '', size }) {
      const rows = database.read((now) => list.all({ after: readCursor(after), size, now })) as unknown as DocumentRow[]
      const opened = new Map(await Promise.all(rows.map(async (row) => [row, await openIfSealed(row)] as const)))
      return toPage(rows, size, (row) => opened.get(row))
    },
  }
}
