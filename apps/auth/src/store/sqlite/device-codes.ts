import { hash } from 'node:crypto'
import { DeviceCodeStateError, UserCodeTakenError } from '../../errors.ts'
import type { DeviceCodePhase, DeviceCodeStore, DeviceCodeWrite } from '../contract.ts'
import { deviceCodeGrace, deviceCodeMatrix, deviceCodeModel } from '../rules.ts'
import { createWatchers } from '../watchers.ts'
import { createPaces, type PaceRow } from './paces.ts'
import { consumption, type SqlitePartOptions } from './records.ts'

interface StateRow {
  readonly phase: DeviceCodePhase
  readonly owner: string | null
}

interface FoundRow {
  readonly key: string
  readonly value: Uint8Array
  readonly consumed_at: number | null
}

interface PollRow extends PaceRow {
  readonly phase: DeviceCodePhase
  readonly value: Uint8Array
}

export interface SqliteDeviceCodes extends DeviceCodeStore {
  /** Before the file is closed. */
  close(): Promise<void>
}

export function createSqliteDeviceCodes({ database, sealing, envelopes }: SqlitePartOptions): SqliteDeviceCodes {
  const from = 'FROM device_codes JOIN records USING (key)'
  const ofUserCode = 'user_code IN (:newest, :oldest)'
  const purge = database.prepare('DELETE FROM records WHERE key = :key AND purge_at <= :now')
  const isThere = database.prepare('SELECT 1 FROM records WHERE key = :key')
  const isTaken = database.prepare(`SELECT 1 ${from} WHERE ${ofUserCode} AND expires_at > :now`)
  const releaseUserCode = database.prepare(`UPDATE device_codes SET user_code = NULL WHERE ${ofUserCode}`)
  const insertRecord = database.prepare(
    `INSERT INTO records (key, model, value, expires_at, purge_at, grant_id)
     VALUES (:key, '${deviceCodeModel}', :value, :expiresAt, :purgeAt, :grantId)`,
  )
  const insertCode = database.prepare(
    'INSERT INTO device_codes (key, user_code, phase, owner) VALUES (:key, :userCode, :phase, :owner)',
  )
  const state = database.prepare(
    `SELECT phase, owner ${from} WHERE key = :key AND consumed_at IS NULL AND expires_at > :now`,
  )
  const updateRecord = database.prepare('UPDATE records SET value = :value, grant_id = :grantId WHERE key = :key')
  const updateCode = database.prepare('UPDATE device_codes SET phase = :phase, owner = :owner WHERE key = :key')
  const byUserCode = database.prepare(`SELECT key, value, consumed_at ${from} WHERE ${ofUserCode} AND purge_at > :now`)
  const byKey = database.prepare('SELECT key, value, consumed_at FROM records WHERE key = :key AND purge_at > :now')
  const pollColumns = 'phase, polled_at, slowed_by, purge_at'
  const polls = database.prepare(`SELECT ${pollColumns} ${from} WHERE key = :key AND purge_at > :now`)
  const stampedPolls = database.prepare(`SELECT value, ${pollColumns} ${from} WHERE key = :key AND purge_at > :now`)
  const paces = createPaces(database)
  const watchers = createWatchers()
  const stampOf = (value: Uint8Array) => hash('sha256', value, 'base64url')

  /** The columns and the sealed value that a write makes. */
  function columnsOf(id: string, payload: Readonly<Record<string, unknown>>, write: DeviceCodeWrite) {
    const { userCode, phase, owner, grantId } = write
    if (phase !== 'pending' && owner === undefined) throw new TypeError(`A device code that is ${phase} has an owner.`)
    const key = sealing.hashKey(deviceCodeModel, id)
    return {
      key,
      value: envelopes.seal(deviceCodeModel, key, { payload, userCode, phase, owner }),
      phase,
      owner: owner === undefined ? null : sealing.hashKey('owner', owner),
      grantId: grantId === undefined ? null : sealing.hashKey('grant', grantId),
    }
  }

  function candidatesOf(userCode: string) {
    const [newest, oldest = newest] = sealing.userCodeKey(userCode)
    return { newest, oldest }
  }

  return {
    async create(id, payload, expiresIn, write) {
      const { key, value, phase, owner, grantId } = columnsOf(id, payload, write)
      const candidates = candidatesOf(write.userCode)
      await database.write((now) => {
        const expiresAt = Math.round(now + expiresIn)
        purge.run({ key, now })
        if (isThere.get({ key })) throw new DeviceCodeStateError()
        paces.forget(key)
        if (isTaken.get({ ...candidates, now })) throw new UserCodeTakenError()
        releaseUserCode.run(candidates)
        insertRecord.run({ key, value, expiresAt, purgeAt: expiresAt + deviceCodeGrace, grantId })
        insertCode.run({ key, userCode: candidates.newest, phase, owner })
      })
    },

    async update(id, payload, write) {
      const { key, value, phase, owner, grantId } = columnsOf(id, payload, write)
      await database.write((now) => {
        const row = state.get({ key, now }) as StateRow | undefined
        const rule = row ? deviceCodeMatrix[row.phase][phase] : 'no'
        if (rule === 'no' || (rule === 'same owner' && row?.owner !== owner)) throw new DeviceCodeStateError()
        updateRecord.run({ key, value, grantId })
        updateCode.run({ key, phase, owner })
      })
      if (phase === 'decided') watchers.tell(key)
    },

    async findByUserCode(userCode) {
      const row = database.read((now) => byUserCode.get({ ...candidatesOf(userCode), now }) as FoundRow | undefined)
      if (!row) return undefined
      const envelope = envelopes.open(deviceCodeModel, row.key, row.value, { userCode })
      if (!envelope?.phase) return undefined
      const { payload, phase, owner } = envelope
      return { payload, phase, ...(owner === undefined ? {} : { owner }), ...consumption(row) }
    },

    async poll(id, interval, hold) {
      const key = sealing.hashKey(deviceCodeModel, id)
      return database.read((now) => {
        const row = polls.get({ key, now }) as PollRow | undefined
        if (!row) return 'undecided'
        return row.phase === 'decided' ? 'decided' : paces.poll(key, row, { now, interval, hold })
      })
    },

    async findStamped(id) {
      const row = database.read(
        (now) => byKey.get({ key: sealing.hashKey(deviceCodeModel, id), now }) as FoundRow | undefined,
      )
      const envelope = row && envelopes.open(deviceCodeModel, row.key, row.value)
      return envelope && { payload: envelope.payload, ...consumption(row), stamp: stampOf(row.value) }
    },

    async pollStamped(id, stamp, interval, hold) {
      const key = sealing.hashKey(deviceCodeModel, id)
      return database.read((now) => {
        const row = stampedPolls.get({ key, now }) as PollRow | undefined
        if (!row || stampOf(row.value) !== stamp) return 'moved'
        return row.phase === 'decided' ? 'decided' : paces.poll(key, row, { now, interval, hold })
      })
    },

    async endPoll(id) {
      const key = sealing.hashKey(deviceCodeModel, id)
      return database.read((now) => {
        const row = polls.get({ key, now }) as PollRow | undefined
        if (row) paces.end(key, row, now)
        return row?.phase === 'decided' ? 'decided' : 'undecided'
      })
    },

    watch: (id, onNews) => watchers.add(sealing.hashKey(deviceCodeModel, id), onNews),
    close: paces.close,
  }
}
