// How fast each device polls (RFC 8628 §3.5). One process has the file, so this is in memory: a poll writes nothing. It is
// written when the file is closed. A crash costs it, and then each device that waits has a first poll again.
import { StoreUnavailableError } from '../../errors.ts'
import { longestHold, pollTolerance, slowDownStep } from '../rules.ts'
import type { SqliteDatabase } from './database.ts'

/** What the file has of the pace of a code, and when the code is gone. */
export interface PaceRow {
  readonly polled_at: number | null
  readonly slowed_by: number
  readonly purge_at: number
}

interface Pace {
  polledAt: number
  slowedBy: number
  /** When the last poll was answered, or is to be where it is held. */
  answeredAt: number
  isHeld: boolean
  readonly purgeAt: number
}

interface Poll {
  readonly now: number
  readonly interval: number
  readonly hold: number
}

export function createPaces(database: SqliteDatabase) {
  const keep = database.prepare('UPDATE device_codes SET polled_at = :polledAt, slowed_by = :slowedBy WHERE key = :key')
  const paces = new Map<string, Pace>()

  function paceOf(key: string, row: PaceRow, now: number): Pace {
    const known = paces.get(key)
    if (known) return known
    // all codes live for the same time: those that are gone come first
    for (const [other, { purgeAt }] of paces) {
      if (purgeAt > now) break
      paces.delete(other)
    }
    const pace = {
      polledAt: row.polled_at ?? Number.NEGATIVE_INFINITY,
      slowedBy: row.slowed_by,
      answeredAt: Number.NEGATIVE_INFINITY,
      isHeld: false,
      purgeAt: row.purge_at,
    }
    paces.set(key, pace)
    return pace
  }

  return {
    /** Of a code that is not decided. */
    poll(key: string, row: PaceRow, { now, interval, hold }: Poll): 'early' | 'undecided' {
      const pace = paceOf(key, row, now)
      const { polledAt, slowedBy, answeredAt } = pace
      // what is yet to come, or too far off, was before the clock was set back
      const isHeld = pace.isHeld && answeredAt > now && answeredAt <= now + longestHold
      const earliest = Math.max(answeredAt, polledAt + slowedBy) + interval - pollTolerance
      const isEarly = isHeld || (now >= polledAt && now >= answeredAt && now < earliest)
      if (isEarly) pace.slowedBy += slowDownStep
      if (isHeld) return 'early'
      pace.polledAt = now
      pace.isHeld = !isEarly && hold > 0
      pace.answeredAt = pace.isHeld ? now + hold : now
      return isEarly ? 'early' : 'undecided'
    },

    /** The poll that is held is answered. */
    end(key: string, row: PaceRow, now: number): void {
      const pace = paceOf(key, row, now)
      pace.answeredAt = now
      pace.isHeld = false
    },

    forget: (key: string) => void paces.delete(key),

    async close(): Promise<void> {
      const polled = [...paces].filter(([, { polledAt }]) => Number.isFinite(polledAt))
      paces.clear()
      if (polled.length === 0) return
      try {
        await database.write(() => {
          for (const [key, { polledAt, slowedBy }] of polled) keep.run({ key, polledAt, slowedBy })
        })
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
      }
    },
  }
}
