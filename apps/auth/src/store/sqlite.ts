// The store of one machine: one SQLite file, held by one process. Its tables are described in docs/storage-schema.md.
//
// node:sqlite is synchronous. A read takes microseconds; a write also waits for the disk, which is the price of
// not forgetting, after a power cut, that a code was used.

import type { Clock, Store } from './contract.ts'
import { createEnvelopes, type EnvelopeOptions } from './envelope.ts'
import { createSqliteAttempts } from './sqlite-attempts.ts'
import { openSqliteDatabase } from './sqlite-database.ts'
import { createSqliteDeviceCodes } from './sqlite-device-codes.ts'
import { createSqliteDocuments } from './sqlite-documents.ts'
import { createSqliteRecords } from './sqlite-records.ts'

export interface SqliteStoreOptions extends EnvelopeOptions {
  /** A file, which is created (0600) together with its directory (0700), or `:memory:`. */
  readonly path: string
  readonly clock: Clock
}

/** Throws {@link ConfigError} if another process has the file, or it cannot be opened, or is of a newer release. */
export function openSqliteStore({ path, clock, sealing, onTampered }: SqliteStoreOptions): Store & AsyncDisposable {
  const database = openSqliteDatabase({ path, clock })
  const envelopes = createEnvelopes({ sealing, onTampered })
  const part = { database, sealing, envelopes }
  const ping = database.prepare('SELECT 1')

  return {
    records: createSqliteRecords(part),
    deviceCodes: createSqliteDeviceCodes(part),
    attempts: createSqliteAttempts(part),
    documents: createSqliteDocuments(part),
    ping: async () => void database.read(() => ping.get()),
    close: async () => database.close(),
    [Symbol.asyncDispose]: async () => database.close(),
  }
}
