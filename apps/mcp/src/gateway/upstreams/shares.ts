// Who may have how many of what there are only so many of: a quarter is kept for callers who have little, so that one caller
// never has all.

export interface Shares {
  /** Returns how to give it back, which counts once. Undefined: there is none for this caller now. */
  take(owner: string): (() => void) | undefined
}

export function createShares(most: number): Shares {
  const reserve = Math.floor(most / 4)
  const counts = new Map<string, number>()
  let taken = 0
  return {
    take(owner) {
      const own = counts.get(owner) ?? 0
      const isFree = taken < most && (taken < most - reserve || own < reserve)
      if (!isFree) return undefined
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
