// Every write of the Redis store that has to be atomic, as a Lua script that touches exactly one key (so it is safe on
// Redis Cluster, too). Time is Redis's own: the clocks of the replicas of this service may differ.
//
// A record is a hash: v sealed value, e expires at, c consumed at, u uid, g grant, f made by create(); of a device code also k user code,
// p phase, o owner, l last poll, h until when that is held, or less than 0: when it was answered, s slowed by. All but v and the instants are hashed. See docs/storage-schema.md.

import { type AttemptCommands, attemptScripts, type RedisCommands } from '@gatehouse/service'
import type { DeviceCodeOutcome } from '../contract.ts'
import { deviceCodeMatrix, longestHold, pollTolerance, slowDownStep } from '../rules.ts'

// ARGV[1] is 0 in production: see clockOffset in store.ts. Integers go through '%d', as Lua prints large ones as 1.7e+12.
const now = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
  local function integer(number) return string.format('%d', number) end
  local function instant(milliseconds)
    if milliseconds == '' then return '' end
    return integer(now + tonumber(milliseconds))
  end
  local function isPast(instant) return instant ~= '' and tonumber(instant) <= now end
`

/** Keeps c: a record that was consumed stays consumed. ARGV: offset, v, expires in, kept for, u, g. */
const putRecord = `${now}
  redis.call('HSET', KEYS[1], 'v', ARGV[2], 'e', instant(ARGV[3]), 'u', ARGV[5], 'g', ARGV[6])
  if ARGV[4] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
  return 1
`

/** ARGV: offset, v, expires in, kept for. */
const createRecord = `${now}
  local expires = redis.call('HGET', KEYS[1], 'e')
  if expires and not isPast(expires) then return 0 end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'v', ARGV[2], 'e', instant(ARGV[3]), 'u', '', 'g', '', 'f', 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return 1
`

/** ARGV: offset, v. */
const replaceRecord = `${now}
  local expires = redis.call('HGET', KEYS[1], 'e')
  if not expires or isPast(expires) then return 0 end
  redis.call('HSET', KEYS[1], 'v', ARGV[2])
  return 1
`

/** ARGV: offset, milliseconds that are enough, expires in, kept for. */
const keepRecord = `${now}
  local expires = redis.call('HGET', KEYS[1], 'e')
  if not expires or isPast(expires) then return 0 end
  if expires == '' or tonumber(expires) >= now + tonumber(ARGV[2]) then return 1 end
  redis.call('HSET', KEYS[1], 'e', instant(ARGV[3]))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return 1
`

/**
 * At the end for how many milliseconds it lives yet, or nothing for ever.
 *
 * For how many milliseconds it has been consumed, rather than since when: the caller's clock is another. After Redis's own
 * was set back they are as many as it is from that moment, so that what was used long ago does not look just used.
 */
const readRecord = `${now}
  local record = redis.call('HMGET', KEYS[1], 'v', 'c', 'u', 'k', 'f', 'e')
  if not record[1] then return false end
  local rest = record[6] and record[6] ~= '' and integer(record[6] - now) or ''
  return { record[1], record[2] and math.abs(now - record[2]) or -1, record[3] or '', record[4] or '', record[5] and 1 or 0, rest }
`

const consumeRecord = `${now}
  local record = redis.call('HMGET', KEYS[1], 'v', 'c', 'e')
  if not record[1] or record[2] or isPast(record[3]) then return 0 end
  redis.call('HSET', KEYS[1], 'c', integer(now))
  return 1
`

/** An index entry may be older than the record it leads to. ARGV: g. */
const destroyOfGrant = `
  if redis.call('HGET', KEYS[1], 'g') ~= ARGV[1] then return 0 end
  return redis.call('DEL', KEYS[1])
`

/** The records of a grant, scored by when they are gone. ARGV: offset, record, kept for. */
const indexGrant = `${now}
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', integer(now))
  redis.call('ZADD', KEYS[1], ARGV[3] == '' and '+inf' or instant(ARGV[3]), ARGV[2])
  local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
  if last == 'inf' then redis.call('PERSIST', KEYS[1])
  elseif last then redis.call('PEXPIRE', KEYS[1], integer(math.max(1, last - now))) end
  return 1
`

/** The grants of an account, scored by when they were last used. Lives as long as the longest of them. ARGV: offset, grant, kept for. */
const noteGrant = `${now}
  local rest = redis.call('PTTL', KEYS[1])
  redis.call('ZADD', KEYS[1], integer(now), ARGV[2])
  if ARGV[3] == '' then redis.call('PERSIST', KEYS[1])
  elseif rest ~= -1 and rest < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
  return 1
`

/** Each grant, followed by for how many milliseconds it has not been used. */
const readGrants = `${now}
  local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for index = 2, #entries, 2 do entries[index] = integer(now - entries[index]) end
  return entries
`

/** ARGV: offset, record, expires in, kept for. */
const claimUserCode = `${now}
  local entry = redis.call('HMGET', KEYS[1], 'r', 'e')
  if entry[1] and entry[1] ~= ARGV[2] and not isPast(entry[2]) then return 0 end
  redis.call('HSET', KEYS[1], 'r', ARGV[2], 'e', instant(ARGV[3]))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return 1
`

const isUserCodeTaken = `${now}
  local expires = redis.call('HGET', KEYS[1], 'e')
  return expires and not isPast(expires) and 1 or 0
`

/** ARGV: offset, v, expires in, kept for, g, k, p, o. */
const createDeviceCode = `${now}
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
  redis.call('HSET', KEYS[1], 'v', ARGV[2], 'e', instant(ARGV[3]), 'g', ARGV[5], 'k', ARGV[6], 'p', ARGV[7], 'o', ARGV[8])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return 1
`

/** Tells who waits, if it can: the decision stands without it. ARGV: offset, v, g, p, o, channel, what is said there. */
const updateDeviceCode = `${now}
  local matrix = ${luaTable(deviceCodeMatrix)}
  local record = redis.call('HMGET', KEYS[1], 'v', 'c', 'e', 'p', 'o')
  if not record[1] or not record[4] or record[2] or isPast(record[3]) then return 0 end
  local rule = matrix[record[4]][ARGV[4]]
  if rule == 'no' or rule == 'same owner' and record[5] ~= ARGV[5] then return 0 end
  redis.call('HSET', KEYS[1], 'v', ARGV[2], 'g', ARGV[3], 'p', ARGV[4], 'o', ARGV[5])
  if ARGV[4] == 'decided' then redis.pcall('PUBLISH', ARGV[6], ARGV[7]) end
  return 1
`

/**
 * A last poll that is yet to come was before the clock was set back. A hold whose process died was over when it was to be.
 * ARGV: offset, interval and hold in milliseconds, stamp or nothing. The stamp names what was read and proves nothing: without
 * the secret no other value can be made that opens.
 */
const pollDeviceCode = `${now}
  local record = redis.call('HMGET', KEYS[1], 'v', 'p', 'l', 'h', 's')
  if ARGV[4] ~= '' and (not record[1] or redis.sha1hex(record[1]) ~= ARGV[4]) then return 'moved' end
  if not record[1] then return 'undecided' end
  if record[2] == 'decided' then return 'decided' end
  local last, held, slowedBy = tonumber(record[3] or 0), tonumber(record[4] or 0), tonumber(record[5] or 0)
  local hold, answered = tonumber(ARGV[3]), math.abs(held)
  local isHeld = held > now and held <= now + ${longestHold}
  local earliest = math.max(answered, last + slowedBy) + tonumber(ARGV[2]) - ${pollTolerance}
  local isEarly = last > 0 and now >= last and answered <= now and now < earliest
  if isHeld or isEarly then redis.call('HSET', KEYS[1], 's', integer(slowedBy + ${slowDownStep})) end
  if isHeld then return 'early' end
  redis.call('HSET', KEYS[1], 'l', integer(now), 'h', integer((isEarly or hold == 0) and -now or now + hold))
  return isEarly and 'early' or 'undecided'
`

const endPollOfDeviceCode = `${now}
  local record = redis.call('HMGET', KEYS[1], 'v', 'p')
  if not record[1] then return 'undecided' end
  redis.call('HSET', KEYS[1], 'h', integer(-now))
  return record[2] == 'decided' and 'decided' or 'undecided'
`

/** ARGV: the value it replaces, the value. */
const replaceDocument = `
  if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
  return 1
`

/** ARGV: milliseconds. */
const endDocument = `
  local rest = redis.call('PTTL', KEYS[1])
  if rest == -1 or rest > tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
  return 1
`

const sources = {
  putRecord,
  createRecord,
  replaceRecord,
  keepRecord,
  readRecord,
  consumeRecord,
  destroyOfGrant,
  indexGrant,
  noteGrant,
  readGrants,
  claimUserCode,
  isUserCodeTaken,
  createDeviceCode,
  updateDeviceCode,
  pollDeviceCode,
  endPollOfDeviceCode,
  ...attemptScripts,
  replaceDocument,
  endDocument,
}

export const scripts = Object.fromEntries(
  Object.entries(sources).map(([name, lua]) => [name, { lua, numberOfKeys: 1 }] as const),
)

type Argument = string | number | Buffer
type Script<Result> = (key: string, ...args: Argument[]) => Promise<Result>

/** The commands of Redis with {@link scripts}: each by its name, and as `…Buffer` for answers in bytes. */
export type ScriptedRedis = RedisCommands &
  Readonly<
    Record<Exclude<keyof typeof sources, keyof OtherAnswers | keyof AttemptCommands | 'readRecord'>, Script<0 | 1>>
  > &
  AttemptCommands &
  OtherAnswers & {
    readonly readRecordBuffer: Script<
      | readonly [value: Buffer, consumedFor: number, uid: Buffer, userCode: Buffer, wasFirst: 0 | 1, lastsFor: Buffer]
      | null
    >
  }

interface OtherAnswers {
  readonly readGrants: Script<readonly string[]>
  readonly pollDeviceCode: Script<'moved' | 'early' | DeviceCodeOutcome>
  readonly endPollOfDeviceCode: Script<DeviceCodeOutcome>
}

function luaTable(matrix: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  const rows = Object.entries(matrix).map(([from, row]) => {
    const cells = Object.entries(row).map(([to, rule]) => `${to} = '${rule}'`)
    return `${from} = { ${cells.join(', ')} }`
  })
  return `{ ${rows.join(', ')} }`
}
