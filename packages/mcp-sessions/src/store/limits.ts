import type { SessionLimits } from './contract.ts'

/**
 * What sessions may take, whatever holds them. A session's log is a megabyte at most, so one person's sessions are 64 MB
 * at worst, which an event store that shares its Redis with others has to be able to promise.
 */
export const defaultLimits: SessionLimits = {
  idle: 30 * 60_000,
  perOwner: 64,
  total: 10_000,
  evictable: 5 * 60_000,
  events: 1_000,
  bytes: 1_048_576,
  eventBytes: 262_144,
  eventLife: 10 * 60_000,
}

/** How many entries of a log one read looks at. */
export const readBatch = 200
