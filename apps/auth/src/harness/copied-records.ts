// Copies of what a store wrote, made inside SQLite or Redis. A copy has a number in place of the first eight characters of each of
// its hashes: what belongs together does so in the copies, too.
import { Redis } from 'ioredis'
import { openSqliteDatabase } from '../store/sqlite/database.ts'

export interface Copying {
  /** Of the file, or of the memory. */
  readonly bytes: () => Promise<number>
  /** The names of all rows or keys. For a store that is small yet. */
  readonly there: () => Promise<ReadonlySet<string>>
  /** Copies what these name so many times. */
  readonly copy: (names: readonly string[], count: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** In one transaction, or one script. */
const fileBatch = 10_000
const redisBatch = 500
/** Odd: no two numbers below 2^32 become the same, and they come in no order, as hashes do. Exact, times a million, in Lua and SQLite. */
const scatter = 2_654_435_761
const modulus = 2 ** 32

const tables = {
  records: {
    hashes: ['key', 'uid', 'grant_id', 'account'],
    others: ['model', 'value', 'expires_at', 'purge_at', 'consumed_at', 'used_at'],
  },
  device_codes: { hashes: ['key', 'user_code', 'owner'], others: ['phase', 'polled_at', 'slowed_by'] },
} as const

export function openFileToCopyIn(path: string): Copying {
  const database = openSqliteDatabase({ path, clock: Date.now })
  const number = (pragma: string) => Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
  const copied = (column: string) => `printf('%08x', (i * ${scatter}) % ${modulus}) || substr(${column}, 9)`
  // the order of keys is random: all of the indexes are needed at once
  database.prepare('PRAGMA cache_size = -1048576').run()
  return {
    bytes: async () => number('page_count') * number('page_size'),
    async there() {
      const names = Object.keys(tables).flatMap((table) =>
        database.prepare(`SELECT '${table} ' || rowid AS name FROM ${table}`).all(),
      )
      return new Set(names.map(({ name }) => String(name)))
    },
    async copy(names, count) {
      const statements = Object.entries(tables).map(([table, { hashes, others }]) => {
        const rows = names.filter((name) => name.startsWith(`${table} `)).map((name) => name.split(' ')[1])
        return database.prepare(
          `WITH RECURSIVE numbers (i) AS (SELECT :from UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < :to)
           INSERT INTO ${table} (${[...hashes, ...others].join()})
           SELECT ${[...hashes.map(copied), ...others].join()} FROM numbers, ${table} WHERE rowid IN (${rows.join()})`,
        )
      })
      for (let from = 0; from < count; from += fileBatch) {
        await database.write(() => {
          for (const statement of statements) statement.run({ from, to: Math.min(from + fileBatch, count) })
        })
      }
    },
    close: async () => database.close(),
  }
}

/** A name of a key ends with its hash, of 43 characters. ARGV: from, to. */
const copyKeys = `
  for i = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
    local number = string.format('%08x', (i * ${scatter}) % ${modulus})
    for _, key in ipairs(KEYS) do
      redis.call('COPY', key, string.sub(key, 1, -44) .. number .. string.sub(key, -35))
    end
  end
`

export async function openRedisToCopyIn(url: string): Promise<Copying> {
  const redis = new Redis(url)
  return {
    bytes: async () => Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]),
    there: async () => new Set(await redis.keys('auth:*')),
    async copy(names, count) {
      for (let from = 0; from < count; from += redisBatch) {
        await redis.eval(copyKeys, names.length, ...names, from, Math.min(from + redisBatch, count))
      }
    },
    close: async () => void (await redis.quit()),
  }
}
