// Who waits in this process for news of something.

export interface Watchers {
  /** Returns how to stop. */
  add(key: string, onNews: () => void): () => void
  tell(key: string): void
  /** A few at a time, as each of them will ask the store: a thousand in a second. */
  tellAll(): void
}

/** How many are told at once, and for how many milliseconds others have their turn then. */
const atOnce = 50
const pause = 50

export function createWatchers(): Watchers {
  const byKey = new Map<string, Set<() => void>>()
  let isTelling = false
  let isOutdated = false

  function tellNext(rest: Iterator<Set<() => void>>): void {
    for (let told = 0; told < atOnce; told += 1) {
      const { value, done } = rest.next()
      if (done) {
        isTelling = false
        if (isOutdated) tellAll()
        return
      }
      for (const onNews of value) onNews()
    }
    setTimeout(tellNext, pause, rest).unref()
  }

  function tellAll(): void {
    isOutdated = isTelling
    if (isTelling) return
    isTelling = true
    tellNext(byKey.values())
  }

  return {
    add(key, onNews) {
      const watching = byKey.get(key) ?? new Set()
      byKey.set(key, watching.add(onNews))
      return () => {
        watching.delete(onNews)
        if (watching.size === 0 && byKey.get(key) === watching) byKey.delete(key)
      }
    },
    tell(key) {
      for (const onNews of byKey.get(key) ?? []) onNews()
    },
    tellAll,
  }
}
