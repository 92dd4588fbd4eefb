import { setTimeout as pause } from 'node:timers/promises'
import { membersOf } from './process-identity.ts'

/** Milliseconds that are given, one after the other. */
export interface Grace {
  /** To end by itself when its standard input ends. */
  readonly input: number
  /** To end after SIGTERM. */
  readonly term: number
  /** To be gone after SIGKILL. */
  readonly kill: number
}

export const usualGrace: Grace = { input: 2_000, term: 2_000, kill: 2_000 }

/**
 * Ends all of a process group that does not end by itself: SIGTERM, then SIGKILL. Resolves with whether nothing of it is left.
 *
 * Does NOT reach a process that left the group, and does NOT check whose group it is.
 */
export async function endGroup(group: number, { term, kill }: Pick<Grace, 'term' | 'kill'>): Promise<boolean> {
  if (await isGone(group, 0)) return true
  signalGroup(group, 'SIGTERM')
  if (await isGone(group, term)) return true
  signalGroup(group, 'SIGKILL')
  return isGone(group, kill)
}

/** Resolves with whether nothing of the group is left within so many milliseconds. */
export async function isGone(group: number, within: number): Promise<boolean> {
  const until = performance.now() + within
  for (let wait = 5; ; wait = Math.min(wait * 2, 100)) {
    if (membersOf(group).length === 0) return true
    if (performance.now() >= until) return false
    await pause(wait)
  }
}

function signalGroup(group: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-group, signal)
  } catch {
    // It is gone, or another user's: who asked looks whether something is left.
  }
}
