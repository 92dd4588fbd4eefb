// The store of one machine: one SQLite file, held by one process. Its tables are described in docs/storage-schema.md.
//
// node:sqlite is synchronous. A read takes microseconds; a write also waits for the disk, which is the price of
// not forgetting, after a power cut, that a code was used. Those that come together wait once: see group-commit.ts.

import { existsSync } from 'node:fs'
import { ConfigError } from '../../errors.ts'
import type { Clock, Store } from '../contract.ts'
import { createEnvelopes, type EnvelopeOptions } from '../envelope.ts'
import { createSqliteAttempts } from './attempts.ts'
import { openSqliteDatabase } from './database.ts'
import { createSqliteDeviceCodes } from './device-codes.ts'
import { createSqliteDocuments } from './documents.ts'
import { createSqliteRecords } from './records.ts'

export interface SqliteStoreOptions extends EnvelopeOptions {
  /** A file, which is created (0600) together with its directory (0700), or `:memory:`. */
  readonly path: string
  /** Whether a file may be made that is not there. By default it may. */
  readonly mayCreate?: boolean | undefined
  readonly clock: Clock
}

/** Throws {@link ConfigError} if another process has the file, or it cannot be opened, or is of a newer release. */
export function openSqliteStore(options: SqliteStoreOptions): Store & AsyncDisposable {
  const { path, clock, sealing, onTampered, mayCreate = true } = options
  if (!mayCreate && !existsSync(path)) throw new ConfigError([`There is no ${path}, and REDIS_URL is not set.`])
  const database = openSqliteDatabase({ path, clock })
  const envelopes = createEnvelopes({ sealing, onTampered })
  const part = { database, sealing, envelopes }
  const ping = database.prepare('SELECT 1')
  const deviceCodes = createSqliteDeviceCodes(part)
  const close = async () => {
    await deviceCodes.close()
    database.close()
  }

  return {
    shared: false,
    records: createSqliteRecords(part),
    deviceCodes,
    attempts: createSqliteAttempts(part),
    documents: createSqliteDocuments(part),
    ping: async () => void database.read(() => ping.get()),
    close,
    [Symbol.asyncDispose]: close,
  }
}
