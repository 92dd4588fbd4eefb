// Attempts in fixed windows, counted in Redis: one key a budget, so that this is safe on a cluster.

/** The window ends with the key, and is never longer than it was meant to be: the clock may have been set back. ARGV: limit, window in milliseconds. Returns whether, and how long the window lasts. */
const takeAttempt = `
  local taken = tonumber(redis.call('GET', KEYS[1]) or 0)
  local rest = redis.call('PTTL', KEYS[1])
  if rest > tonumber(ARGV[2]) then
    rest = tonumber(ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  local isNew = rest < 0
  if isNew then taken, rest = 0, tonumber(ARGV[2]) end
  if taken >= tonumber(ARGV[1]) then return { 0, rest } end
  if isNew then redis.call('SET', KEYS[1], 1, 'PX', ARGV[2]) else redis.call('INCR', KEYS[1]) end
  return { 1, rest }
`

const giveBackAttempt = `
  if tonumber(redis.call('GET', KEYS[1]) or 0) > 0 then redis.call('DECR', KEYS[1]) end
  return 1
`

/** For a connection: the Lua of {@link AttemptCommands}. */
export const attemptScripts = { takeAttempt, giveBackAttempt }

export interface AttemptCommands {
  /** One out of `limit`, in a window of so many whole milliseconds that begins with the first. `rest`: of the window. */
  readonly takeAttempt: (key: string, limit: number, window: number) => Promise<readonly [allowed: 0 | 1, rest: number]>
  /** Never below zero, and never into a window that has ended. */
  readonly giveBackAttempt: (key: string) => Promise<1>
}
