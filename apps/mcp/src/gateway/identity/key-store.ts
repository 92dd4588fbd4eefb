// Where keys are kept where there is this process alone: one SQLite file, which is opened when a key is needed first.
import { openSqliteDatabase, type SqliteDatabase } from '@gatehouse/service'
import type { CallerKeyStore } from './caller-keys.ts'

const migrations = [
  'CREATE TABLE answers (question TEXT PRIMARY KEY, answer TEXT NOT NULL, ends_at INTEGER NOT NULL) STRICT, WITHOUT ROWID',
]

export interface SqliteKeyStore extends CallerKeyStore {
  close(): void
}

/** `path`: a file, or `:memory:`. */
export function createSqliteKeyStore(path: string, now: () => number): SqliteKeyStore {
  let database: SqliteDatabase | undefined
  return {
    async decide(question, answer, life) {
      database ??= openSqliteDatabase({ path, migrations, synchronous: 'FULL' })
      const { prepare, write } = database
      return write(() => {
        prepare('DELETE FROM answers WHERE ends_at <= ?').run(now())
        prepare('INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT DO NOTHING').run(
          question,
          answer,
          Math.ceil(now() + life),
        )
        return (prepare('SELECT answer FROM answers WHERE question = ?').get(question) as { answer: string }).answer
      })
    },
    close: () => database?.close(),
  }
}
