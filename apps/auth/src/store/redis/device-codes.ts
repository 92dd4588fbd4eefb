import { hash as digest } from 'node:crypto'
import { DeviceCodeStateError, UserCodeTakenError } from '../../errors.ts'
import type { DeviceCodeStore, DeviceCodeWrite, Payload } from '../contract.ts'
import { deviceCodeGrace, deviceCodeModel } from '../rules.ts'
import type { RedisDecisions } from './decisions.ts'
import { createGrantIndex, createRecordReader, type RedisPartOptions } from './parts.ts'

export function createRedisDeviceCodes(
  options: RedisPartOptions & { readonly decisions: RedisDecisions },
): DeviceCodeStore {
  const { connection, sealing, envelopes, clockOffset, prefix, decisions } = options
  const readRecord = createRecordReader(options)
  const indexGrant = createGrantIndex(options)
  const hashOf = (id: string) => sealing.hashKey(deviceCodeModel, id)
  const keyOf = (hash: string) => `${prefix}${deviceCodeModel}:${hash}`
  const userCodeKeyOf = (hash: string) => `${prefix}user-code:${hash}`

  /** The fields and the sealed value that a write makes. */
  function fieldsOf(id: string, payload: Payload, { userCode, phase, owner, grantId }: DeviceCodeWrite) {
    if (phase !== 'pending' && owner === undefined) throw new TypeError(`A device code that is ${phase} has an owner.`)
    const hash = hashOf(id)
    return {
      hash,
      member: `${deviceCodeModel}:${hash}`,
      key: keyOf(hash),
      value: envelopes.seal(deviceCodeModel, hash, { payload, userCode, phase, owner }),
      phase,
      owner: owner === undefined ? '' : sealing.hashKey('owner', owner),
      grant: grantId === undefined ? '' : sealing.hashKey('grant', grantId),
    }
  }

  /** Live under the previous secret: it cannot be claimed in one step with the current one, nor does it come again. */
  async function isTakenAsBefore(previous: readonly string[]): Promise<boolean> {
    const answers = previous.map((hash) =>
      connection.read((redis) => redis.isUserCodeTaken(userCodeKeyOf(hash), clockOffset())),
    )
    return (await Promise.all(answers)).includes(1)
  }

  /** Without a stamp: whatever the code is by now. */
  function notePoll(id: string, stamp: string, interval: number, hold: number) {
    return connection.write((redis) => redis.pollDeviceCode(keyOf(hashOf(id)), clockOffset(), interval, hold, stamp))
  }

  return {
    async create(id, payload, expiresIn, write) {
      const { hash, member, key, value, phase, owner, grant } = fieldsOf(id, payload, write)
      const [userCode, ...previous] = sealing.userCodeKey(write.userCode)
      const lifetime = Math.round(expiresIn)
      const keptFor = Math.max(1, lifetime + deviceCodeGrace)
      if (await isTakenAsBefore(previous)) throw new UserCodeTakenError()
      const isClaimed = await connection.write((redis) =>
        redis.claimUserCode(userCodeKeyOf(userCode), clockOffset(), hash, lifetime, keptFor),
      )
      if (!isClaimed) throw new UserCodeTakenError()
      const { grantId } = write
      if (grantId !== undefined) await connection.write((redis) => indexGrant(redis, grantId, member, keptFor))
      const isNew = await connection.write((redis) =>
        redis.createDeviceCode(key, clockOffset(), value, lifetime, keptFor, grant, userCode, phase, owner),
      )
      if (!isNew) throw new DeviceCodeStateError()
    },

    async update(id, payload, write) {
      const { hash, member, key, value, phase, owner, grant } = fieldsOf(id, payload, write)
      const { grantId } = write
      if (grantId !== undefined) {
        const keptFor = await connection.read((redis) => redis.pttl(key))
        if (keptFor < 0) throw new DeviceCodeStateError()
        await connection.write((redis) => indexGrant(redis, grantId, member, keptFor))
      }
      const isWritten = await connection.write((redis) =>
        redis.updateDeviceCode(key, clockOffset(), value, grant, phase, owner, decisions.channel, hash),
      )
      if (!isWritten) throw new DeviceCodeStateError()
    },

    async findByUserCode(userCode) {
      for (const userCodeHash of sealing.userCodeKey(userCode)) {
        const hash = await connection.read((redis) => redis.hget(userCodeKeyOf(userCodeHash), 'r'))
        const found = hash ? await readRecord(deviceCodeModel, hash, { userCodeHash, userCode }) : undefined
        if (!found?.envelope.phase) continue
        const { phase, owner } = found.envelope
        return { ...found.record, phase, ...(owner === undefined ? {} : { owner }) }
      }
      return undefined
    },

    poll: async (id, interval, hold) => {
      const outcome = await notePoll(id, '', interval, hold)
      // without a stamp it cannot have moved
      return outcome === 'moved' ? 'undecided' : outcome
    },

    async findStamped(id) {
      const found = await readRecord(deviceCodeModel, hashOf(id))
      return found && { ...found.record, stamp: digest('sha1', found.value, 'hex') }
    },

    pollStamped: notePoll,

    endPoll: (id) => connection.write((redis) => redis.endPollOfDeviceCode(keyOf(hashOf(id)), clockOffset())),

    watch: (id, onNews) => decisions.watch(hashOf(id), onNews),
  }
}
