import { DeviceCodeStateError, UserCodeTakenError } from '../../errors.ts'
import type { DeviceCodePhase, DeviceCodeStore, DeviceCodeWrite } from '../contract.ts'
import {
  deviceCodeGrace,
  deviceCodeMatrix,
  deviceCodeModel,
  longestHold,
  pollTolerance,
  slowDownStep,
} from '../rules.ts'
import { createWatchers } from '../watchers.ts'
import { consumption, type SqlitePartOptions } from './records.ts'

/** Milliseconds after which an answer is in nobody's way: the longest interval there can be. */
const longestPace = 60_000

interface StateRow {
  readonly phase: DeviceCodePhase
  readonly owner: string | null
}

interface FoundRow {
  readonly key: string
  readonly value: Uint8Array
  readonly consumed_at: number | null
}

interface PollRow {
  readonly phase: DeviceCodePhase
  readonly polled_at: number | null
  readonly slowed_by: number
}

export function createSqliteDeviceCodes({ database, sealing, envelopes }: SqlitePartOptions): DeviceCodeStore {
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
  const polls = database.prepare(`SELECT phase, polled_at, slowed_by ${from} WHERE key = :key AND purge_at > :now`)
  const notePoll = database.prepare(
    'UPDATE device_codes SET polled_at = :polledAt, slowed_by = :slowedBy WHERE key = :key',
  )

  /** When the last poll of a code was answered, or is to be where it is held: one process has the file, and no hold outlives it. */
  const answers = new Map<string, { readonly at: number; readonly isHeld: boolean }>()
  const watchers = createWatchers()

  function noteAnswer(key: string, now: number, hold = 0): void {
    answers.delete(key)
    answers.set(key, { at: now + hold, isHeld: hold > 0 })
  }

  /** Forgets those that are no news to anybody, the oldest of which come first; what is too far off was before the clock was set back. */
  function answerOf(now: number, key: string) {
    for (const [other, { at }] of answers) {
      if (at > now - longestPace && at <= now + longestHold) break
      answers.delete(other)
    }
    return answers.get(key) ?? { at: Number.NEGATIVE_INFINITY, isHeld: false }
  }

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
      database.write((now) => {
        const expiresAt = Math.round(now + expiresIn)
        purge.run({ key, now })
        if (isThere.get({ key })) throw new DeviceCodeStateError()
        if (isTaken.get({ ...candidates, now })) throw new UserCodeTakenError()
        releaseUserCode.run(candidates)
        insertRecord.run({ key, value, expiresAt, purgeAt: expiresAt + deviceCodeGrace, grantId })
        insertCode.run({ key, userCode: candidates.newest, phase, owner })
      })
    },

    async update(id, payload, write) {
      const { key, value, phase, owner, grantId } = columnsOf(id, payload, write)
      database.write((now) => {
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
      return database.note((now) => {
        const row = polls.get({ key, now }) as PollRow | undefined
        if (!row) return 'undecided'
        if (row.phase === 'decided') return 'decided'
        const last = row.polled_at ?? Number.NEGATIVE_INFINITY
        const answer = answerOf(now, key)
        const isHeld = answer.isHeld && answer.at > now
        const earliest = Math.max(answer.at, last + row.slowed_by) + interval - pollTolerance
        // what is yet to come was before the clock was set back
        const isEarly = isHeld || (now >= last && now >= answer.at && now < earliest)
        const polledAt = isHeld ? row.polled_at : now
        notePoll.run({ key, polledAt, slowedBy: row.slowed_by + (isEarly ? slowDownStep : 0) })
        if (!isHeld) noteAnswer(key, now, isEarly ? 0 : hold)
        return isEarly ? 'early' : 'undecided'
      })
    },

    async endPoll(id) {
      const key = sealing.hashKey(deviceCodeModel, id)
      return database.read((now) => {
        noteAnswer(key, now)
        const row = polls.get({ key, now }) as PollRow | undefined
        return row?.phase === 'decided' ? 'decided' : 'undecided'
      })
    },

    watch: (id, onNews) => watchers.add(sealing.hashKey(deviceCodeModel, id), onNews),
  }
}
