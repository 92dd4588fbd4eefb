// Who may have how many of what there are only so many of: a quarter is kept for callers who have little, so that one caller
// never has all.

export interface Shares {
  /** Returns how to give it back, which counts once. Undefined: none is left for this caller now. */
  take(owner: string): (() => void) | undefined
  /** Whether there would be one, if this other one gave one back. */
  fits(owner: string, without: string): boolean
}

/** `mostEach`: of one caller. */
export function createShares(most: number, mostEach = most): Shares {
  const reserve = Math.floor(most / 4)
  const counts = new Map<string, number>()
  let taken = 0

  function isFree(owner: string, less: number, ownLess: number): boolean {
    const own = (counts.get(owner) ?? 0) - ownLess
    const all = taken - less
    return all < most && own < mostEach && (all < most - reserve || own < reserve)
  }

  return {
    fits: (owner, without) => isFree(owner, 1, owner === without ? 1 : 0),
    take(owner) {
      if (!isFree(owner, 0, 0)) return undefined
      const own = counts.get(owner) ?? 0
      taken += 1
      counts.set(owner, own + 1)
      let isGiven = false
      return () => {
        if (isGiven) return
        isGiven = true
        taken -= 1
        const left = (counts.get(owner) ?? 1) - 1
        if (left > 0) counts.set(owner, left)
        else counts.delete(owner)
      }
    },
  }
}
