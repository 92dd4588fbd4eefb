import { AlreadyConsumedError, CursorError } from '../../errors.ts'
import type { Page, RecordStore, StoredRecord } from '../contract.ts'
import type { Envelopes, FoundBy } from '../envelope.ts'
import { grantModel, recordGrace, refuseDeviceCodes } from '../rules.ts'
import type { Sealing } from '../sealing.ts'
import type { SqliteDatabase } from './database.ts'

interface RecordRow {
  readonly key: string
  readonly value: Uint8Array
  readonly consumed_at: number | null
}

interface LastingRow extends RecordRow {
  readonly expires_at: number | null
}

interface GrantRow extends RecordRow {
  readonly used_at: number
}

export interface SqlitePartOptions {
  readonly database: SqliteDatabase
  readonly sealing: Sealing
  readonly envelopes: Envelopes
}

export function createSqliteRecords({ database, sealing, envelopes }: SqlitePartOptions): RecordStore {
  const select = 'SELECT key, value, consumed_at FROM records WHERE'
  const isReadable = '(purge_at IS NULL OR purge_at > :now)'
  const byKey = database.prepare(`${select} key = :key AND ${isReadable}`)
  const lasting = database.prepare(
    `SELECT key, value, consumed_at, expires_at FROM records WHERE key = :key AND ${isReadable}`,
  )
  const byUid = database.prepare(`${select} uid = :uid AND ${isReadable}`)
  const byAccount = database.prepare(
    `SELECT key, value, consumed_at, used_at FROM records WHERE account = :account AND ${isReadable}`,
  )
  const purge = database.prepare('DELETE FROM records WHERE key = :key AND purge_at <= :now')
  const releaseUid = database.prepare('UPDATE records SET uid = NULL WHERE uid = :uid AND key <> :key')
  // consumed_at is not among the columns that change: a record that was consumed stays consumed.
  const put = database.prepare(
    `INSERT INTO records (key, model, value, expires_at, purge_at, uid, grant_id)
     VALUES (:key, :model, :value, :expiresAt, :purgeAt, :uid, :grantId)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at,
       purge_at = excluded.purge_at, uid = excluded.uid, grant_id = excluded.grant_id`,
  )
  const use = database.prepare('UPDATE records SET account = :account, used_at = :now WHERE key = :key')
  const expire = database.prepare('DELETE FROM records WHERE key = :key AND expires_at <= :now')
  const create = database.prepare(
    `INSERT INTO records (key, model, value, expires_at, purge_at) VALUES (:key, :model, :value, :expiresAt, :purgeAt)
     ON CONFLICT (key) DO NOTHING`,
  )
  const isAlive = '(expires_at IS NULL OR expires_at > :now)'
  const replace = database.prepare(`UPDATE records SET value = :value WHERE key = :key AND ${isAlive}`)
  const expiry = database.prepare(`SELECT expires_at FROM records WHERE key = :key AND ${isAlive}`)
  const keep = database.prepare(
    `UPDATE records SET expires_at = :expiresAt, purge_at = :purgeAt WHERE key = :key AND ${isAlive}`,
  )
  const list = database.prepare(`${select} model = :model AND key > :after AND ${isReadable} ORDER BY key LIMIT :size`)
  const consume = database.prepare(
    `UPDATE records SET consumed_at = :now
     WHERE key = :key AND consumed_at IS NULL AND (expires_at IS NULL OR expires_at > :now)`,
  )
  const destroy = database.prepare('DELETE FROM records WHERE key = :key')
  const revoke = database.prepare('DELETE FROM records WHERE grant_id = :grantId')
  const clear = database.prepare('DELETE FROM records WHERE model NOT IN (SELECT value FROM json_each(:kept))')

  function toRecord(model: string, found: unknown, foundBy?: FoundBy): StoredRecord | undefined {
    const row = found as RecordRow | undefined
    const envelope = row && envelopes.open(model, row.key, row.value, foundBy)
    return envelope && { payload: envelope.payload, ...consumption(row) }
  }

  return {
    async put(model, id, payload, expiresIn, { uid, grantId, accountId } = {}) {
      refuseDeviceCodes(model)
      const key = sealing.hashKey(model, id)
      const value = envelopes.seal(model, key, { payload, uid })
      const uidKey = uid === undefined ? null : sealing.hashKey(`${model}:uid`, uid)
      const grantKey = grantId === undefined ? null : sealing.hashKey('grant', grantId)
      const used = model === grantModel ? id : grantId
      await database.write((now) => {
        const expiresAt = expiresIn === undefined ? null : Math.round(now + expiresIn)
        const purgeAt = expiresAt === null ? null : expiresAt + recordGrace
        purge.run({ key, now })
        if (uidKey !== null) releaseUid.run({ uid: uidKey, key })
        put.run({ key, model, value, expiresAt, purgeAt, uid: uidKey, grantId: grantKey })
        if (accountId !== undefined && used !== undefined) {
          const [account] = sealing.keyedHash('account', accountId)
          use.run({ key: sealing.hashKey(grantModel, used), account, now })
        }
      })
    },

    async create(model, id, payload, expiresIn) {
      refuseDeviceCodes(model)
      const key = sealing.hashKey(model, id)
      const value = envelopes.seal(model, key, { payload })
      return database.write((now) => {
        const expiresAt = Math.round(now + expiresIn)
        expire.run({ key, now })
        return create.run({ key, model, value, expiresAt, purgeAt: expiresAt + recordGrace }).changes === 1
      })
    },

    async replace(model, id, payload) {
      refuseDeviceCodes(model)
      const key = sealing.hashKey(model, id)
      const value = envelopes.seal(model, key, { payload })
      return database.write((now) => replace.run({ key, value, now }).changes === 1)
    },

    async keep(model, id, atLeast, expiresIn) {
      refuseDeviceCodes(model)
      const key = sealing.hashKey(model, id)
      const isEnough = database.read((now) => {
        const row = expiry.get({ key, now }) as { readonly expires_at: number | null } | undefined
        return row && (row.expires_at ?? Number.POSITIVE_INFINITY) >= now + atLeast
      })
      if (isEnough !== false) return isEnough === true
      return database.write((now) => {
        const expiresAt = Math.round(now + expiresIn)
        return keep.run({ key, expiresAt, purgeAt: expiresAt + recordGrace, now }).changes === 1
      })
    },

    async find(model, id) {
      const key = sealing.hashKey(model, id)
      const row = database.read((now) => byKey.get({ key, now }))
      return toRecord(model, row)
    },

    async findLasting(model, id) {
      const key = sealing.hashKey(model, id)
      const [row, lastsFor] = database.read((now) => {
        const found = lasting.get({ key, now }) as LastingRow | undefined
        return [found, (found?.expires_at ?? Number.POSITIVE_INFINITY) - now] as const
      })
      const record = toRecord(model, row)
      return record && { ...record, lastsFor }
    },

    async findByUid(model, uid) {
      const uidKey = sealing.hashKey(`${model}:uid`, uid)
      const row = database.read((now) => byUid.get({ uid: uidKey, now }))
      return toRecord(model, row, { uid })
    },

    async grantsOf(accountId) {
      const rows = sealing
        .keyedHash('account', accountId)
        .flatMap((account) => database.read((now) => byAccount.all({ account, now })) as unknown as GrantRow[])
      return rows.flatMap((row) => {
        const record = toRecord(grantModel, row, { accountId })
        return record ? [{ ...record, usedAt: row.used_at }] : []
      })
    },

    async list(model, { after = '', size }) {
      const rows = database.read((now) =>
        list.all({ model, after: readCursor(after), size, now }),
      ) as unknown as RecordRow[]
      return toPage(rows, size, (row) => toRecord(model, row))
    },

    async consume(model, id) {
      const key = sealing.hashKey(model, id)
      await database.write((now) => {
        if (consume.run({ key, now }).changes !== 1) throw new AlreadyConsumedError()
      })
    },

    async destroy(model, id) {
      const key = sealing.hashKey(model, id)
      await database.write(() => destroy.run({ key }))
    },

    async revokeByGrant(grantId) {
      const grantKey = sealing.hashKey('grant', grantId)
      await database.write(() => revoke.run({ grantId: grantKey }))
    },

    async clear(kept) {
      return database.write(() => Number(clear.run({ kept: JSON.stringify(kept) }).changes))
    },
  }
}

/** The key that a listing stands at. */
export function readCursor(after: string): string {
  if (!/^[\w-]*$/.test(after)) throw new CursorError()
  return after
}

export function toPage<Row extends { readonly key: string }, T>(
  rows: readonly Row[],
  size: number,
  read: (row: Row) => T | undefined,
): Page<T> {
  const entries = rows.map(read).filter((entry) => entry !== undefined)
  const last = rows.at(-1)
  return last && rows.length === size ? { entries, next: last.key } : { entries }
}

export function consumption({ consumed_at }: Pick<RecordRow, 'consumed_at'>): Pick<StoredRecord, 'consumedAt'> {
  return consumed_at === null ? {} : { consumedAt: consumed_at }
}
