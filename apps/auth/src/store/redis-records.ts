import type { RedisConnection } from '@gatehouse/service'
import { AlreadyConsumedError } from '../errors.ts'
import type { Clock, RecordStore, StoredRecord } from './contract.ts'
import type { Envelope, Envelopes, FoundBy as Inside } from './envelope.ts'
import { createRedisAccounts } from './redis-accounts.ts'
import type { ScriptedRedis } from './redis-scripts.ts'
import { grantModel, recordGrace, refreshTokenModel, refuseDeviceCodes } from './rules.ts'
import type { Sealing } from './sealing.ts'

export interface RedisPartOptions {
  readonly connection: RedisConnection<ScriptedRedis>
  readonly sealing: Sealing
  readonly envelopes: Envelopes
  readonly clock: Clock
  /** The first argument of the scripts that look at the time: see redis.ts. */
  readonly clockOffset: () => number
  /** Begins the name of every key. */
  readonly prefix: string
}

export function createRedisRecords(options: RedisPartOptions): RecordStore {
  const { connection, sealing, envelopes, clockOffset, prefix } = options
  const readRecord = createRecordReader(options)
  const indexGrant = createGrantIndex(options)
  const accounts = createRedisAccounts(options, readRecord)
  const keyOf = (model: string, id: string) => `${prefix}${model}:${sealing.hashKey(model, id)}`

  return {
    // Index before body: an entry that leads nowhere is harmless, a record that its grant does not find is not.
    async put(model, id, payload, expiresIn, { uid, grantId, accountId } = {}) {
      refuseDeviceCodes(model)
      const hash = sealing.hashKey(model, id)
      const value = envelopes.seal(model, hash, { payload, uid })
      const lifetime = expiresIn === undefined ? '' : Math.round(expiresIn * 1000)
      const keptFor = lifetime === '' ? '' : Math.max(1, lifetime + recordGrace)
      const uidHash = uid === undefined ? '' : sealing.hashKey(`${model}:uid`, uid)
      const uidKey = `${prefix}uid:${uidHash}`
      const used = model === grantModel ? id : grantId
      await connection.write((redis) =>
        Promise.all([
          uidHash && (keptFor === '' ? redis.set(uidKey, hash) : redis.set(uidKey, hash, 'PX', keptFor)),
          grantId !== undefined && indexGrant(redis, grantId, `${model}:${hash}`, keptFor),
          accountId !== undefined && used !== undefined && accounts.note(redis, accountId, used, keptFor),
        ]),
      )
      const grant = grantId === undefined ? '' : sealing.hashKey('grant', grantId)
      const key = `${prefix}${model}:${hash}`
      await connection.write((redis) => redis.putRecord(key, clockOffset(), value, lifetime, keptFor, uidHash, grant))
      if (model === refreshTokenModel) await connection.copied()
    },

    async create(model, id, payload, expiresIn) {
      refuseDeviceCodes(model)
      const hash = sealing.hashKey(model, id)
      const value = envelopes.seal(model, hash, { payload })
      const lifetime = Math.round(expiresIn * 1000)
      const key = `${prefix}${model}:${hash}`
      const keptFor = Math.max(1, lifetime + recordGrace)
      const isNew = await connection.write((redis) => redis.createRecord(key, clockOffset(), value, lifetime, keptFor))
      await connection.copied()
      return isNew === 1
    },

    async find(model, id) {
      return (await readRecord(model, sealing.hashKey(model, id)))?.record
    },

    async findByUid(model, uid) {
      const uidHash = sealing.hashKey(`${model}:uid`, uid)
      const hash = await connection.read((redis) => redis.get(`${prefix}uid:${uidHash}`))
      return (hash && (await readRecord(model, hash, { uidHash, uid }))?.record) || undefined
    },

    grantsOf: (accountId) => accounts.grantsOf(accountId),

    async consume(model, id) {
      const isFirst = await connection.write((redis) => redis.consumeRecord(keyOf(model, id), clockOffset()))
      await connection.copied()
      if (!isFirst) throw new AlreadyConsumedError()
    },

    async destroy(model, id) {
      await connection.write((redis) => redis.del(keyOf(model, id)))
    },

    async revokeByGrant(grantId) {
      const grant = sealing.hashKey('grant', grantId)
      const key = `${prefix}grant:${grant}`
      const members = await connection.read((redis) => redis.zrange(key, 0, '-1'))
      await connection.write((redis) =>
        Promise.all(members.map((member) => redis.destroyOfGrant(`${prefix}${member}`, grant))),
      )
      // These alone, and last: entries that came meanwhile, and those of an attempt that broke off, are still needed.
      if (members.length > 0) await connection.write((redis) => redis.zrem(key, ...members))
      await connection.copied()
    },
  }
}

/** How a record was reached, if not by its id: what it must say about itself, hashed and plain. */
export interface FoundBy extends Inside {
  readonly uidHash?: string
  readonly userCodeHash?: string
}

export type ReadRecord = ReturnType<typeof createRecordReader>

export function createRecordReader({ connection, envelopes, clock, clockOffset, prefix }: RedisPartOptions) {
  return async function readRecord(
    model: string,
    hash: string,
    { uidHash, userCodeHash, ...inside }: FoundBy = {},
  ): Promise<{ readonly record: StoredRecord; readonly envelope: Envelope } | undefined> {
    const key = `${prefix}${model}:${hash}`
    const found = await connection.read((redis) => redis.readRecordBuffer(key, clockOffset()))
    if (!found) return undefined
    const [value, consumedFor, ownUid, ownUserCode, wasFirst] = found
    // An entry that a later write left behind; one that was tampered with is found out by the envelope.
    if (uidHash !== undefined && ownUid.toString() !== uidHash) return undefined
    if (userCodeHash !== undefined && ownUserCode.toString() !== userCodeHash) return undefined
    const envelope = envelopes.open(model, hash, value, inside)
    if (!envelope) return undefined
    // Who learns that it was used, or was the first, acts on that: not if a failover could undo it.
    if (consumedFor >= 0 || wasFirst === 1) await connection.copied()
    const consumption = consumedFor < 0 ? {} : { consumedAt: clock() - consumedFor }
    return { record: { payload: envelope.payload, ...consumption }, envelope }
  }
}

export function createGrantIndex({ sealing, clockOffset, prefix }: RedisPartOptions) {
  /** `member` is the record's key without the prefix, `keptFor` in milliseconds or '' for ever. */
  return function indexGrant(
    redis: ScriptedRedis,
    grantId: string,
    member: string,
    keptFor: number | '',
  ): Promise<0 | 1> {
    const key = `${prefix}grant:${sealing.hashKey('grant', grantId)}`
    return redis.indexGrant(key, clockOffset(), member, keptFor)
  }
}
