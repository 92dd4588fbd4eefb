// How much room a Redis has for anyone who may be refused. Redis drops nothing by itself, and answers nobody's writes once it is
// full; so what can grow without an end stops earlier, and leaves the rest to those whose writes must not fail.
import { StoreUnavailableError } from './errors.ts'

/** Bytes. `most` 0: no limit. */
export interface RedisMemory {
  readonly used: number
  readonly most: number
}

export interface RedisRoomOptions {
  /** Of each node that holds data. */
  readonly look: () => Promise<readonly RedisMemory[]>
  /** Milliseconds of any clock that goes on. */
  readonly now: () => number
}

/** Of the memory that Redis may use, what is left to others. */
const left = 0.25
/** Milliseconds that what was seen counts. */
const seenFor = 1_000
/** What may be written in that time without looking again, of the memory that Redis may use. */
const blind = 0.02

/**
 * Resolves if there is room for so many bytes. Throws {@link StoreUnavailableError} where it is missing. Other processes write
 * meanwhile: it can be wrong by what they write in a second.
 */
export function createRedisRoom({ look, now }: RedisRoomOptions): (bytes: number) => Promise<void> {
  let seenAt = Number.NEGATIVE_INFINITY
  let fullest: RedisMemory = { used: 0, most: 0 }
  let written = 0
  let looking: Promise<void> | undefined

  async function lookAgain(): Promise<void> {
    const nodes = (await look()).filter(({ most }) => most > 0)
    const [first = { used: 0, most: 0 }, ...others] = nodes
    fullest = others.reduce((one, other) => (other.used / other.most > one.used / one.most ? other : one), first)
    seenAt = now()
    written = 0
  }

  return async (bytes) => {
    const isMuchWritten = fullest.most > 0 && written > fullest.most * blind
    if (now() - seenAt > seenFor || isMuchWritten) {
      looking ??= lookAgain().finally(() => {
        looking = undefined
      })
      await looking
    }
    written += bytes
    const { used, most } = fullest
    if (most > 0 && used + written > most * (1 - left)) {
      throw new StoreUnavailableError(new Error('Redis is three quarters full: the rest is for logins'))
    }
  }
}

/** What `INFO memory` says. */
export function readRedisMemory(info: string): RedisMemory {
  const numberAt = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
  return { used: numberAt('used_memory'), most: numberAt('maxmemory') }
}
