// How many streams may be open at once: each holds a connection, and one caller could take them all. Those that are open
// stay; the next one is refused.
import { networkOf } from '@gatehouse/service'

export interface StreamLimits {
  readonly perSubject: number
  /** Of an IPv6 network of 48 bits together. */
  readonly perAddress: number
  readonly total: number
}

/**
 * Agents of one person run side by side, each with a stream of its own and some calls. Behind one address there may be a
 * whole company, or a provider's servers with everybody who uses them.
 */
export const defaultStreamLimits: StreamLimits = { perSubject: 64, perAddress: 1_024, total: 4_096 }

export interface OpenStreams {
  /** Takes a place for a stream, and returns how to give it back. Undefined if no place is free. */
  take(subject: string, address: string): (() => void) | undefined
}

export function createOpenStreams({ perSubject, perAddress, total }: StreamLimits): OpenStreams {
  const open = new Map<string, number>()
  const countOf = (key: string): number => open.get(key) ?? 0

  return {
    take(subject, address) {
      const places = [
        ['all', total],
        [`subject ${subject}`, perSubject],
        [`network ${networkOf(address)}`, perAddress],
      ] as const
      if (places.some(([key, most]) => countOf(key) >= most)) return undefined
      for (const [key] of places) open.set(key, countOf(key) + 1)
      let isGiven = false
      return () => {
        if (isGiven) return
        isGiven = true
        for (const [key] of places) {
          if (countOf(key) > 1) open.set(key, countOf(key) - 1)
          else open.delete(key)
        }
      }
    },
  }
}
