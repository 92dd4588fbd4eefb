import type { AttemptStore } from '../contract.ts'
import type { SqlitePartOptions } from './records.ts'

interface AttemptRow {
  readonly taken: number
  readonly ends_at: number
}

export function createSqliteAttempts({ database, sealing }: SqlitePartOptions): AttemptStore {
  const select = database.prepare('SELECT taken, ends_at FROM attempts WHERE name = :name AND ends_at > :now')
  const save = database.prepare(
    `INSERT INTO attempts (name, taken, ends_at) VALUES (:name, :taken, :endsAt)
     ON CONFLICT (name) DO UPDATE SET taken = excluded.taken, ends_at = excluded.ends_at`,
  )
  const giveBack = database.prepare(
    'UPDATE attempts SET taken = taken - 1 WHERE name = :name AND ends_at > :now AND taken > 0',
  )
  // Names hold addresses and the like, which a bare hash would not hide. A new AUTH_SECRET starts the windows afresh.
  const nameOf = (name: string) => sealing.keyedHash('attempts', name)[0]

  return {
    async take(name, limit, window) {
      return database.write((now) => {
        const row = select.get({ name: nameOf(name), now }) as AttemptRow | undefined
        const latest = Math.round(now + window)
        // one that ends later than it could was begun before the clock was set back
        const endsAt = Math.min(row?.ends_at ?? latest, latest)
        const taken = row?.taken ?? 0
        const allowed = taken < limit
        save.run({ name: nameOf(name), taken: allowed ? taken + 1 : taken, endsAt })
        return { allowed, retryAfter: endsAt - now }
      })
    },

    async giveBack(name) {
      await database.write((now) => giveBack.run({ name: nameOf(name), now }))
    },
  }
}
