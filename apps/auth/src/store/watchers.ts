// Who waits in this process for news of something.

export interface Watchers {
  /** Returns how to stop. */
  add(key: string, onNews: () => void): () => void
  tell(key: string): void
  tellAll(): void
}

export function createWatchers(): Watchers {
  const byKey = new Map<string, Set<() => void>>()
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
    tellAll() {
      for (const watching of byKey.values()) for (const onNews of watching) onNews()
    },
  }
}
