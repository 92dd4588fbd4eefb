// The SQLite file of this service: its schema, the time its transactions run at, and the sweeping of what expired.

import type { StatementSync } from 'node:sqlite'
import { openSqliteDatabase as openDatabase } from '@gatehouse/service'
import type { Clock } from '../contract.ts'
import { type CommitTogether, createGroupCommit } from './group-commit.ts'
import { migrations } from './schema.ts'

/**
 * Expired rows are removed with other writes, so many in a transaction and a few more for each of its writes, so that none takes
 * long: nobody else is answered meanwhile. A write adds four at most.
 */
const sweepBatch = 25
const sweptAWrite = 4
const sweepInterval = 10_000

export interface SqliteDatabase {
  prepare(sql: string): StatementSync
  /** Resolves when it is on the disk. An error undoes it, and nothing else. */
  write: CommitTogether
  read<T>(run: (now: number) => T): T
  /** What was asked for before is written first. */
  close(): void
}

export interface SqliteDatabaseOptions {
  /** A file, which is created together with its directory, or `:memory:`. */
  readonly path: string
  readonly clock: Clock
}

/** Throws {@link ConfigError} if another process has the file or it cannot be opened. */
export function openSqliteDatabase({ path, clock }: SqliteDatabaseOptions): SqliteDatabase {
  // FULL: else a power cut brings back used codes and loses keys.
  const database = openDatabase({ path, migrations, synchronous: 'FULL' })
  const sweep = createSweep(database.prepare)
  const now = () => Math.floor(clock())

  const commits = createGroupCommit(database, (run, writes) => {
    const at = now()
    run(at)
    sweep(at, Math.max(sweepBatch, sweptAWrite * writes))
  })

  return {
    prepare: database.prepare,
    write: commits.write,
    read: (run) => database.read(() => run(now())),
    close() {
      commits.flush()
      database.close()
    },
  }
}

function createSweep(prepare: (sql: string) => StatementSync): (now: number, most: number) => void {
  const statements = [
    `DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE purge_at <= ? LIMIT ?)`,
    `DELETE FROM documents WHERE rowid IN (SELECT rowid FROM documents WHERE ends_at <= ? LIMIT ?)`,
    `DELETE FROM attempts WHERE rowid IN (SELECT rowid FROM attempts WHERE ends_at <= ? LIMIT ?)`,
  ].map((sql) => prepare(sql))
  let next = 0
  return (now, most) => {
    if (now < next) return
    const isBehind = statements.map((statement) => statement.run(now, most).changes === most).includes(true)
    next = isBehind ? now : now + sweepInterval
  }
}
