/** A map that keeps what was set last, and forgets the rest: for what strangers name. */
export interface Recent<Value> {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
  delete(key: string): void
}

export function createRecent<Value>(most: number): Recent<Value> {
  const all = new Map<string, Value>()
  return {
    get: (key) => all.get(key),
    set(key, value) {
      all.delete(key)
      all.set(key, value)
      const [oldest] = all.keys()
      if (all.size > most && oldest !== undefined) all.delete(oldest)
    },
    delete: (key) => void all.delete(key),
  }
}
