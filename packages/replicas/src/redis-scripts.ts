// What the replicas have to do in one step, as Lua. All keys but those of values, decisions and counts have one hash tag, so that this is
// safe on a cluster. Time is Redis's own.
//
// alive:NAME of each replica, as long as it says so; lease:KEY a hash (h holder, f fence); inbox:NAME a stream (v value, f
// from); bytes:NAME of what is in it; last:NAME a hash, by sender the number of its last mail; fence a number.
import { type AttemptCommands, attemptScripts, type RedisCommands, type RedisScript } from '@gatehouse/service'

/** KEYS: alive. ARGV: life. Returns whether we were. */
const stayAlive = `
  return redis.call('PEXPIRE', KEYS[1], ARGV[1])
`

/** KEYS: lease, fence, our alive. ARGV: our name, where alive keys begin, life of a lease. Returns holder and fence. */
const claimLease = `
  local lease = redis.call('HMGET', KEYS[1], 'h', 'f')
  if lease[1] and lease[1] ~= ARGV[1] and redis.call('EXISTS', ARGV[2] .. lease[1]) == 1 then return lease end
  if redis.call('EXISTS', KEYS[3]) == 0 then return { '', '0' } end
  local fence = redis.call('INCR', KEYS[2])
  redis.call('HSET', KEYS[1], 'h', ARGV[1], 'f', fence)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return { ARGV[1], tostring(fence) }
`

/** KEYS: lease. ARGV: our name, life. */
const renewLease = `
  if redis.call('HGET', KEYS[1], 'h') ~= ARGV[1] then return 0 end
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`

/** KEYS: lease. ARGV: our name, fence. */
const releaseLease = `
  local lease = redis.call('HMGET', KEYS[1], 'h', 'f')
  if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then return 0 end
  return redis.call('DEL', KEYS[1])
`

/**
 * A mail that is sent again, because nobody knows whether it was, is there once. KEYS: alive, inbox, bytes, last. ARGV: from,
 * value, most bytes, life, channel, number.
 */
const sendMail = `
  if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
  local last = tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or '0')
  if last >= tonumber(ARGV[6]) then return 'sent' end
  local bytes = tonumber(redis.call('GET', KEYS[3]) or '0')
  if bytes + #ARGV[2] > tonumber(ARGV[3]) then return 'busy' end
  redis.call('XADD', KEYS[2], '*', 'f', ARGV[1], 'v', ARGV[2])
  redis.call('INCRBY', KEYS[3], #ARGV[2])
  redis.call('HSET', KEYS[4], ARGV[1], ARGV[6])
  for key = 2, 4 do redis.call('PEXPIRE', KEYS[key], ARGV[4]) end
  redis.call('PUBLISH', ARGV[5], 'm')
  return 'sent'
`

/**
 * KEYS: inbox, bytes. ARGV: what was read already, how many, after how many bytes no more. Returns the time, and then
 * position, from and value in turn.
 */
const takeMail = `
  local read = redis.call('XRANGE', KEYS[1], '-', ARGV[1])
  for _, entry in ipairs(read) do
    redis.call('XDEL', KEYS[1], entry[1])
    redis.call('DECRBY', KEYS[2], #entry[2][4])
  end
  local time = redis.call('TIME')
  local result = { string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)) }
  local bytes = 0
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[2])) do
    table.insert(result, entry[1])
    table.insert(result, entry[2][2])
    table.insert(result, entry[2][4])
    bytes = bytes + #entry[2][4]
    if bytes >= tonumber(ARGV[3]) then break end
  end
  return result
`

/** KEYS: decision. ARGV: answer, life. Returns the first answer. */
const decide = `
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX')
  return redis.call('GET', KEYS[1])
`

export const scripts = {
  stayAlive: { lua: stayAlive, numberOfKeys: 1 },
  claimLease: { lua: claimLease, numberOfKeys: 3 },
  renewLease: { lua: renewLease, numberOfKeys: 1 },
  releaseLease: { lua: releaseLease, numberOfKeys: 1 },
  sendMail: { lua: sendMail, numberOfKeys: 4 },
  takeMail: { lua: takeMail, numberOfKeys: 2 },
  decide: { lua: decide, numberOfKeys: 1 },
  takeAttempt: { lua: attemptScripts.takeAttempt, numberOfKeys: 1 },
  giveBackAttempt: { lua: attemptScripts.giveBackAttempt, numberOfKeys: 1 },
}

/** The commands of Redis with {@link scripts}. */
export type ScriptedRedis = RedisCommands &
  AttemptCommands & {
    readonly stayAlive: RedisScript<[alive: string], 0 | 1>
    readonly claimLease: RedisScript<
      [lease: string, fence: string, alive: string],
      readonly [holder: string, fence: string]
    >
    readonly renewLease: RedisScript<[lease: string], 0 | 1>
    readonly releaseLease: RedisScript<[lease: string], 0 | 1>
    readonly sendMail: RedisScript<
      [alive: string, inbox: string, bytes: string, last: string],
      'sent' | 'gone' | 'busy'
    >
    readonly takeMailBuffer: RedisScript<[inbox: string, bytes: string], readonly Buffer[]>
    readonly decide: RedisScript<[decision: string], string>
  }
