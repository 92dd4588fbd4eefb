import { AlreadyConsumedError, CursorError } from '../../errors.ts'
import type { RecordStore } from '../contract.ts'
import { grantModel, recordGrace, refreshTokenModel, refuseDeviceCodes } from '../rules.ts'
import { createRedisAccounts } from './accounts.ts'
import { createListing } from './listing.ts'
import { createGrantIndex, createRecordReader, type RedisPartOptions } from './parts.ts'
import type { ScriptedRedis } from './scripts.ts'

/** What keys begin with, after the prefix, that are no records. */
const otherFamilies = ['uid', 'user-code', 'grant', 'account', 'attempts', 'document', 'schema', 'mark']
/** Keys. */
const clearedAtOnce = 500

export function createRedisRecords(options: RedisPartOptions): RecordStore {
  const { connection, sealing, envelopes, clockOffset, inOrder, prefix } = options
  const readRecord = createRecordReader(options)
  const indexGrant = createGrantIndex(options)
  const accounts = createRedisAccounts(options, readRecord)
  const list = createListing(options)
  const keyOf = (model: string, id: string) => `${prefix}${model}:${sealing.hashKey(model, id)}`

  return {
    // Index before body: an entry that leads nowhere is harmless, a record that its grant does not find is not. One Redis
    // carries out in this order what is sent at once, and a connection that breaks cuts off what comes last.
    async put(model, id, payload, expiresIn, { uid, grantId, accountId } = {}) {
      refuseDeviceCodes(model)
      const hash = sealing.hashKey(model, id)
      const value = envelopes.seal(model, hash, { payload, uid })
      const lifetime = expiresIn === undefined ? '' : Math.round(expiresIn)
      const keptFor = lifetime === '' ? '' : Math.max(1, lifetime + recordGrace)
      const uidHash = uid === undefined ? '' : sealing.hashKey(`${model}:uid`, uid)
      const uidKey = `${prefix}uid:${uidHash}`
      const used = model === grantModel ? id : grantId
      const grant = grantId === undefined ? '' : sealing.hashKey('grant', grantId)
      const key = `${prefix}${model}:${hash}`
      const putBody = (redis: ScriptedRedis) =>
        redis.putRecord(key, clockOffset(), value, lifetime, keptFor, uidHash, grant)
      await connection.write((redis) =>
        Promise.all([
          uidHash && (keptFor === '' ? redis.set(uidKey, hash) : redis.set(uidKey, hash, 'PX', keptFor)),
          grantId !== undefined && indexGrant(redis, grantId, `${model}:${hash}`, keptFor),
          accountId !== undefined && used !== undefined && accounts.note(redis, accountId, used, keptFor),
          inOrder && putBody(redis),
        ]),
      )
      if (!inOrder) await connection.write(putBody)
      if (model === refreshTokenModel) await connection.copied()
    },

    async create(model, id, payload, expiresIn) {
      refuseDeviceCodes(model)
      const hash = sealing.hashKey(model, id)
      const value = envelopes.seal(model, hash, { payload })
      const lifetime = Math.round(expiresIn)
      const key = `${prefix}${model}:${hash}`
      const keptFor = Math.max(1, lifetime + recordGrace)
      const isNew = await connection.write((redis) => redis.createRecord(key, clockOffset(), value, lifetime, keptFor))
      await connection.copied()
      return isNew === 1
    },

    async replace(model, id, payload) {
      refuseDeviceCodes(model)
      const hash = sealing.hashKey(model, id)
      const value = envelopes.seal(model, hash, { payload })
      const key = `${prefix}${model}:${hash}`
      return (await connection.write((redis) => redis.replaceRecord(key, clockOffset(), value))) === 1
    },

    async keep(model, id, atLeast, expiresIn) {
      refuseDeviceCodes(model)
      const lifetime = Math.round(expiresIn)
      const lives = [Math.round(atLeast), lifetime, Math.max(1, lifetime + recordGrace)]
      const isThere = await connection.write((redis) => redis.keepRecord(keyOf(model, id), clockOffset(), ...lives))
      return isThere === 1
    },

    async find(model, id) {
      return (await readRecord(model, sealing.hashKey(model, id)))?.record
    },

    async findLasting(model, id) {
      const found = await readRecord(model, sealing.hashKey(model, id))
      return found && { ...found.record, lastsFor: found.lastsFor }
    },

    async findByUid(model, uid) {
      const uidHash = sealing.hashKey(`${model}:uid`, uid)
      const hash = await connection.read((redis) => redis.get(`${prefix}uid:${uidHash}`))
      return (hash && (await readRecord(model, hash, { uidHash, uid }))?.record) || undefined
    },

    grantsOf: (accountId) => accounts.grantsOf(accountId),

    list: (model, page) => list(`${model}:`, page, async (hash) => (await readRecord(model, hash))?.record),

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

    // What leads to a record may stay: it leads nowhere, and ends by itself.
    async clear(kept) {
      const staying = new Set([...kept, ...otherFamilies])
      let cleared = 0
      let after: string | undefined
      do {
        const step = await connection.scan(`${prefix}*`, { count: clearedAtOnce, after })
        if (!step) throw new CursorError()
        const keys = step.keys.filter((key) => !staying.has(key.slice(prefix.length).split(':')[0] as string))
        const gone = await connection.write((redis) => Promise.all(keys.map((key) => redis.del(key))))
        cleared += gone.reduce((sum, count) => sum + count, 0)
        after = step.next
      } while (after !== undefined)
      await connection.copied()
      return cleared
    },
  }
}
