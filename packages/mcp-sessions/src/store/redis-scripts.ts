// What the Redis store has to do in one step, as Lua. A session is two keys in one slot, so that this is safe on a
// cluster: a hash (meta) and a stream (log). The indexes are one key each. Time is Redis's own.
//
// meta: v value, w owner, b bytes in the log, u indexed at; of each stream, its name appended: p: producer, s: opening,
// f: position of the last event, g: position of the last event that was dropped, r: reader. An entry of the log: s
// stream, v value; no v where the event was too large to be kept.

import type { RedisCommands, RedisScript } from '@gatehouse/service'
import { ownStream } from './contract.ts'
import { readBatch } from './limits.ts'

// ARGV[1] is 0 in production: see clockOffset in redis.ts. Integers go through '%d', as Lua prints large ones as 1.7e+12.
const now = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
  local function integer(number) return string.format('%d', number) end
`

/** ARGV: offset, owner's entry (a session), idle, most, evictable. Returns whether, and the session that makes room. */
const enterOwner = `${now}
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', integer(now - ARGV[3]))
  local evicted = ''
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    if tonumber(oldest[2]) > now - ARGV[5] then return { 0, '' } end
    evicted = oldest[1]
    redis.call('ZREM', KEYS[1], evicted)
  end
  redis.call('ZADD', KEYS[1], integer(now), ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return { 1, evicted }
`

/** ARGV: offset, session, idle, and with 'new' whether to add it up to so many. */
const touchIndex = `${now}
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', integer(now - ARGV[3]))
  if ARGV[4] ~= '' and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
  redis.call('ZADD', KEYS[1], integer(now), ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1
`

/** ARGV: offset, value, owner, idle. */
const openSession = `${now}
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'v', ARGV[2], 'w', ARGV[3], 'b', 0, 'u', integer(now))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return 1
`

/** ARGV: offset, idle, how old an index entry may grow. Returns the value, the owner, and whether the indexes are due. */
const useSession = `${now}
  local meta = redis.call('HMGET', KEYS[1], 'v', 'w', 'u')
  if not meta[1] then return false end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  local due = now - meta[3] >= tonumber(ARGV[3])
  if due then redis.call('HSET', KEYS[1], 'u', integer(now)) end
  return { meta[1], meta[2], due and 1 or 0 }
`

const replaceSession = `
  if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'v', ARGV[1]) end
  return 1
`

/** ARGV: channel. Returns the owner. */
const endSession = `
  local owner = redis.call('HGET', KEYS[1], 'w')
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('PUBLISH', ARGV[1], 'e')
  return owner
`

/** At the node of a cluster that has the session, so that what is said of it arrives in order. ARGV: channel, message. */
const mailSession = `
  return redis.call('PUBLISH', ARGV[1], ARGV[2])
`

/** ARGV: stream, producer, opening. */
const startStream = `
  if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
  redis.call('HSET', KEYS[1], 'p:' .. ARGV[1], ARGV[2], 's:' .. ARGV[1], ARGV[3])
  return 1
`

const log = `
  local function fieldOf(entry, name)
    for i = 1, #entry[2], 2 do if entry[2][i] == name then return entry[2][i + 1] end end
  end
  local function add(stream, value, tooLarge)
    local id
    if tooLarge then id = redis.call('XADD', KEYS[2], '*', 's', stream)
    else id = redis.call('XADD', KEYS[2], '*', 's', stream, 'v', value) end
    if not tooLarge then redis.call('HINCRBY', KEYS[1], 'b', #value) end
    redis.call('PEXPIRE', KEYS[2], math.max(1, redis.call('PTTL', KEYS[1])))
    return id
  end
`

/** ARGV: offset, channel, stream, value, whether the last, most events, bytes, bytes of an event, life of an event. */
const appendEvent = `${now}${log}
  local stream, bound = ARGV[3], { events = tonumber(ARGV[6]), bytes = tonumber(ARGV[7]), life = tonumber(ARGV[9]) }
  local meta = redis.call('HMGET', KEYS[1], 'v', 'f:' .. stream)
  if not meta[1] or meta[2] then return false end
  local id = add(stream, ARGV[4], #ARGV[4] > tonumber(ARGV[8]))
  if ARGV[5] == '1' then redis.call('HSET', KEYS[1], 'f:' .. stream, id) end

  local length = redis.call('XLEN', KEYS[2])
  local bytes = tonumber(redis.call('HGET', KEYS[1], 'b'))
  while length > 1 do
    local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
    local isOld = tonumber(string.match(oldest[1], '^%d+')) <= now - bound.life
    if length <= bound.events and bytes <= bound.bytes and not isOld then break end
    local of = fieldOf(oldest, 's')
    redis.call('XDEL', KEYS[2], oldest[1])
    length, bytes = length - 1, bytes - #(fieldOf(oldest, 'v') or '')
    if redis.call('HGET', KEYS[1], 'f:' .. of) == oldest[1] then
      redis.call('HDEL', KEYS[1], 'p:' .. of, 's:' .. of, 'f:' .. of, 'g:' .. of, 'r:' .. of)
    else
      redis.call('HSET', KEYS[1], 'g:' .. of, oldest[1])
    end
  end
  redis.call('HSET', KEYS[1], 'b', integer(bytes))
  redis.call('PUBLISH', ARGV[2], 'c')
  return id
`

/** ARGV: channel, stream, reader, whether to mark. */
const claimStream = `${log}
  if redis.call('EXISTS', KEYS[1]) == 0 then return false end
  redis.call('HSET', KEYS[1], 'r:' .. ARGV[2], ARGV[3])
  if ARGV[4] == '1' then add(ARGV[2], '', false) end
  redis.call('PUBLISH', ARGV[1], 'c')
  local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  return last and last[1] or '0-0'
`

/**
 * ARGV: stream, after, whether that has to be an event of the stream. Returns a kind, and for 'events' the cursor, whether
 * the batch was full, the position of the last event, producer, reader, opening, and then position and value in turn.
 */
const readStream = `${log}
  local stream, after = ARGV[1], ARGV[2]
  local function isBefore(a, b)
    local am, as, bm, bs = string.match(a .. ' ' .. b, '^(%d+)-(%d+) (%d+)-(%d+)$')
    am, as, bm, bs = tonumber(am), tonumber(as), tonumber(bm), tonumber(bs)
    return am < bm or am == bm and as < bs
  end
  local meta = redis.call('HMGET', KEYS[1],
    'v', 'p:' .. stream, 's:' .. stream, 'f:' .. stream, 'g:' .. stream, 'r:' .. stream)
  if not meta[1] then return { 'gone' } end
  if stream ~= '${ownStream}' and not meta[2] then return { 'lost' } end
  if meta[5] and isBefore(after, meta[5]) then return { 'lost' } end
  if ARGV[3] == '1' and after ~= meta[5] then
    local named = redis.call('XRANGE', KEYS[2], after, after)[1]
    if not named or fieldOf(named, 's') ~= stream then return { 'lost' } end
  end
  local entries = redis.call('XRANGE', KEYS[2], '(' .. after, '+', 'COUNT', ${readBatch})
  local cursor = #entries > 0 and entries[#entries][1] or after
  local result = { 'events', cursor, #entries == ${readBatch} and 1 or 0, meta[4] or '', meta[2] or '', meta[6] or '',
    meta[3] or '' }
  for _, entry in ipairs(entries) do
    if fieldOf(entry, 's') == stream then
      local value = fieldOf(entry, 'v')
      if not value then return { 'lost' } end
      if value ~= '' then
        table.insert(result, entry[1])
        table.insert(result, value)
      end
    end
  end
  return result
`

export const scripts = {
  enterOwner: { lua: enterOwner, numberOfKeys: 1 },
  touchIndex: { lua: touchIndex, numberOfKeys: 1 },
  openSession: { lua: openSession, numberOfKeys: 2 },
  useSession: { lua: useSession, numberOfKeys: 2 },
  replaceSession: { lua: replaceSession, numberOfKeys: 2 },
  endSession: { lua: endSession, numberOfKeys: 2 },
  mailSession: { lua: mailSession, numberOfKeys: 2 },
  startStream: { lua: startStream, numberOfKeys: 2 },
  appendEvent: { lua: appendEvent, numberOfKeys: 2 },
  claimStream: { lua: claimStream, numberOfKeys: 2 },
  readStream: { lua: readStream, numberOfKeys: 2 },
}

type OneKey<Result> = RedisScript<[key: string], Result>
type TwoKeys<Result> = RedisScript<[meta: string, log: string], Result>

/** The commands of Redis with {@link scripts}: each by its name, and as `…Buffer` for answers in bytes. */
export type ScriptedRedis = RedisCommands & {
  readonly enterOwner: OneKey<readonly [entered: 0 | 1, evicted: string]>
  readonly touchIndex: OneKey<0 | 1>
  readonly openSession: TwoKeys<1>
  readonly useSessionBuffer: TwoKeys<readonly [value: Buffer, owner: Buffer, due: 0 | 1] | null>
  readonly replaceSession: TwoKeys<1>
  readonly endSession: TwoKeys<string | null>
  readonly mailSession: TwoKeys<number>
  readonly startStream: TwoKeys<0 | 1>
  readonly appendEvent: TwoKeys<string | null>
  readonly claimStream: TwoKeys<string | null>
  readonly readStreamBuffer: TwoKeys<readonly (Buffer | number)[]>
}
