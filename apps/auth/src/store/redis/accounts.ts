// Which grants a person gave: for each account one sorted set. It only says where to look: what is true of a grant is in the
// grant's own record, and an entry without one is dropped.

import type { StoredGrant } from '../contract.ts'
import { grantModel } from '../rules.ts'
import type { ReadRecord, RedisPartOptions } from './parts.ts'
import type { ScriptedRedis } from './scripts.ts'

/** An entry is written a moment before its grant: younger than this, one that leads nowhere is left alone. */
const settledAfter = 60_000

export function createRedisAccounts(
  { connection, sealing, clock, clockOffset, prefix }: RedisPartOptions,
  readRecord: ReadRecord,
) {
  const keyOf = (accountHash: string) => `${prefix}account:${accountHash}`

  async function grantsUnder(key: string, accountId: string): Promise<readonly (readonly [string, StoredGrant])[]> {
    const entries = pairs(await connection.read((redis) => redis.readGrants(key, clockOffset())))
    const found = await Promise.all(
      entries.map(async ([hash, unusedFor]) => {
        const record = (await readRecord(grantModel, hash, { accountId }))?.record
        return { hash, unusedFor, grant: record && { ...record, usedAt: clock() - unusedFor } }
      }),
    )
    const stale = found.filter(({ grant, unusedFor }) => !grant && unusedFor > settledAfter).map(({ hash }) => hash)
    if (stale.length > 0) await connection.write((redis) => redis.zrem(key, ...stale))
    return found.flatMap(({ hash, grant }) => (grant ? [[hash, grant] as const] : []))
  }

  return {
    /** The grant is this account's, and in use. `keptFor` in milliseconds or '' for ever. */
    note(redis: ScriptedRedis, accountId: string, grantId: string, keptFor: number | ''): Promise<0 | 1> {
      const [account] = sealing.keyedHash('account', accountId)
      return redis.noteGrant(keyOf(account), clockOffset(), sealing.hashKey(grantModel, grantId), keptFor)
    },

    /** Under the previous secret too: an entry stays there until its grant is used again, and may be in both. */
    async grantsOf(accountId: string): Promise<readonly StoredGrant[]> {
      const keys = sealing.keyedHash('account', accountId).map(keyOf)
      const lists = await Promise.all(keys.map((key) => grantsUnder(key, accountId)))
      const latestLast = lists.flat().sort(([, one], [, other]) => one.usedAt - other.usedAt)
      return [...new Map(latestLast).values()]
    },
  }
}

function pairs(entries: readonly string[]): readonly (readonly [hash: string, unusedFor: number])[] {
  return entries.flatMap((entry, index) => (index % 2 === 0 ? [[entry, Number(entries[index + 1])] as const] : []))
}
