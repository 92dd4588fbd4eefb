// How much of messages that are not whole yet is held of one upstream. Beyond that reading stops until there is room, which
// the other side feels; the message that began first always goes on, so that one of them is whole in the end.

export interface Inflow {
  /** For one stream of bytes, which has one message at a time. */
  open(): Reading
}

export interface Reading {
  /** Undefined: there is room for so many bytes, and they are counted. Else resolves when they are. */
  take(bytes: number): Promise<void> | undefined
  /** The message is whole, or will never be. */
  done(): void
}

/** Bytes, of all upstreams together. */
export const largestInflow = 64 * 1024 * 1024

export function createInflow(most: number): Inflow {
  let used = 0
  /** In the order in which they began. */
  const held = new Map<Reading, number>()
  let waiting: { readonly of: Reading; again(): void; giveUp(): void }[] = []

  return {
    open() {
      const isFirst = () => {
        const [first] = held.keys()
        return first === undefined || first === reading
      }
      function tryTake(bytes: number): boolean {
        if (used + bytes > most && !isFirst()) return false
        used += bytes
        held.set(reading, (held.get(reading) ?? 0) + bytes)
        return true
      }
      const reading: Reading = {
        take: (bytes) =>
          tryTake(bytes)
            ? undefined
            : new Promise((resolve) => {
                const waiter = {
                  of: reading,
                  again: (): void => (tryTake(bytes) ? resolve() : void waiting.push(waiter)),
                  giveUp: resolve,
                }
                waiting.push(waiter)
              }),
        done() {
          used -= held.get(reading) ?? 0
          held.delete(reading)
          const before = waiting
          waiting = []
          // one that is over takes nothing any more
          for (const waiter of before) {
            if (waiter.of === reading) waiter.giveUp()
            else waiter.again()
          }
        },
      }
      return reading
    },
  }
}
