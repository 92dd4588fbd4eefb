// The SQLite file itself: opening and locking it, its schema, transactions, and what SQLite's errors mean to us.

import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { ConfigError, GatehouseError, StoreUnavailableError } from '../errors.ts'
import type { Clock } from './contract.ts'
import { migrations } from './sqlite-schema.ts'

/** How long a starting process waits for its predecessor to let go of the file, in milliseconds. */
const lockTimeout = 500
/** Expired rows are removed with other writes, at most so many in one of them, so that none takes long. */
const sweepBatch = 200
const sweepInterval = 10_000

export interface SqliteDatabase {
  prepare(sql: string): StatementSync
  /** Runs in one transaction, which an error undoes. */
  write<T>(run: (now: number) => T): T
  read<T>(run: (now: number) => T): T
  close(): void
}

export interface SqliteDatabaseOptions {
  /** A file, which is created together with its directory, or `:memory:`. */
  readonly path: string
  readonly clock: Clock
}

/** Throws {@link ConfigError} if another process has the file or it cannot be opened. */
export function openSqliteDatabase({ path, clock }: SqliteDatabaseOptions): SqliteDatabase {
  const db = openLocked(path)
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const rollback = db.prepare('ROLLBACK')
  const sweep = createSweep(db)

  return {
    prepare: (sql) => db.prepare(sql),

    write(run) {
      return answering(() => {
        const now = Math.floor(clock())
        begin.run()
        try {
          const result = run(now)
          sweep(now)
          commit.run()
          return result
        } catch (error) {
          // SQLite has ended the transaction by itself after some errors, such as a full disk.
          if (db.isOpen && db.isTransaction) rollback.run()
          throw error
        }
      })
    },

    read: (run) => answering(() => run(Math.floor(clock()))),

    close() {
      if (db.isOpen) db.close()
    },
  }
}

function openLocked(path: string): DatabaseSync {
  try {
    if (path !== ':memory:') createPrivateFile(path)
    const db = new DatabaseSync(path, { timeout: lockTimeout })
    try {
      // The lock is the kernel's, so it goes with the process however that ends. Order matters: with locking_mode set
      // before the first access, the WAL index is kept in memory and nobody else can as much as read.
      // FULL: a commit is on the disk before it is answered, else a power cut brings back used codes and loses keys.
      db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
      migrate(db)
      return db
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError([
      isBusy(error)
        ? `${path} is in use by another process: one process per SQLite file. To run several, set REDIS_URL.`
        : `${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`,
    ])
  }
}

/** SQLite gives its side files the mode of the database. An existing directory is left as the operator made it. */
function createPrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    // Never opened when it is there: closing a file drops the locks this process has on it (POSIX).
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    chmodSync(path, 0o600)
  }
}

function migrate(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE')
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version > migrations.length) {
    throw new ConfigError([
      `The database has schema ${version}; this release knows ${migrations.length}. Run a newer one.`,
    ])
  }
  for (const migration of migrations.slice(version)) db.exec(migration)
  db.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`)
}

function createSweep(db: DatabaseSync): (now: number) => void {
  const statements = [
    `DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE purge_at <= ? LIMIT ${sweepBatch})`,
    `DELETE FROM attempts WHERE rowid IN (SELECT rowid FROM attempts WHERE ends_at <= ? LIMIT ${sweepBatch})`,
  ].map((sql) => db.prepare(sql))
  let next = 0
  return (now) => {
    if (now < next) return
    const isBehind = statements.map((statement) => statement.run(now).changes === sweepBatch).includes(true)
    next = isBehind ? now : now + sweepInterval
  }
}

/** Our own errors pass; a full disk, a read-only file, an I/O error or a closed store is "unavailable". */
function answering<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (isSqlite(error)) throw new StoreUnavailableError(error)
    throw error
  }
}

function isSqlite(error: unknown): boolean {
  if (error instanceof GatehouseError || !(error instanceof Error) || !('code' in error)) return false
  return error.code === 'ERR_SQLITE_ERROR' || error.code === 'ERR_INVALID_STATE'
}

function isBusy(error: unknown): boolean {
  const sqliteBusy = 5
  return isSqlite(error) && ((error as { errcode?: number }).errcode ?? 0) % 256 === sqliteBusy
}
