// An SQLite file itself: opening and locking it, its schema, transactions, and what SQLite's errors mean to us.

import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { ConfigError, StoreUnavailableError } from './errors.ts'

/** How long a starting process waits for its predecessor to let go of the file, in milliseconds. */
const lockTimeout = 500

export interface SqliteDatabase {
  prepare(sql: string): StatementSync
  /** Runs in one transaction, which an error undoes. */
  write<T>(run: () => T): T
  read<T>(run: () => T): T
  close(): void
}

export interface SqliteDatabaseOptions {
  /** A file, which is created together with its directory, or `:memory:`. */
  readonly path: string
  /** SQL that makes the schema. One that was released is never changed: add one. Those that ran are not run again. */
  readonly migrations: readonly string[]
  /** `FULL`: a commit is on the disk before it is answered. `NORMAL`: a power cut may cost the last ones. */
  readonly synchronous: 'FULL' | 'NORMAL'
}

/** Throws {@link ConfigError} if another process has the file, or it cannot be opened, or is of a newer release. */
export function openSqliteDatabase(options: SqliteDatabaseOptions): SqliteDatabase {
  const db = openLocked(options)
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const rollback = db.prepare('ROLLBACK')

  function transact<T>(run: () => T): T {
    begin.run()
    try {
      const result = run()
      commit.run()
      return result
    } catch (error) {
      // SQLite has ended the transaction by itself after some errors, such as a full disk.
      if (db.isOpen && db.isTransaction) rollback.run()
      throw error
    }
  }

  return {
    prepare: (sql) => db.prepare(sql),
    write: (run) => answering(() => transact(run)),
    read: answering,
    close() {
      if (db.isOpen) db.close()
    },
  }
}

function openLocked({ path, migrations, synchronous }: SqliteDatabaseOptions): DatabaseSync {
  try {
    if (path !== ':memory:') createPrivateFile(path)
    const db = new DatabaseSync(path, { timeout: lockTimeout, enableForeignKeyConstraints: true })
    try {
      // The lock is the kernel's, so it goes with the process however that ends. Order matters: with locking_mode set
      // before the first access, the WAL index is kept in memory and nobody else can as much as read.
      db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}`)
      migrate(db, migrations)
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

function migrate(db: DatabaseSync, migrations: readonly string[]): void {
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

/** Our own errors pass; a full disk, a read-only file, an I/O error or a closed store is "unavailable". */
function answering<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw sqliteFailure(error)
  }
}

/** What an error of a statement is to those who asked. Other errors are what they are. */
export function sqliteFailure(error: unknown): unknown {
  return isSqlite(error) ? new StoreUnavailableError(error) : error
}

function isSqlite(error: unknown): error is Error & { readonly errcode?: number } {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'ERR_SQLITE_ERROR' || error.code === 'ERR_INVALID_STATE'
}

function isBusy(error: unknown): boolean {
  const sqliteBusy = 5
  return isSqlite(error) && (error.errcode ?? 0) % 256 === sqliteBusy
}
