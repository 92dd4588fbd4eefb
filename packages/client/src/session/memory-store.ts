import type { Shelf, Store } from './store.ts'

/** A store that lasts as long as the process: for programs that keep nothing, or keep it elsewhere. */
export function createMemoryStore(): Store {
  return { sessions: createMemoryShelf(), registrations: createMemoryShelf(), servers: createMemoryShelf() }
}

function createMemoryShelf<Key, Value>(): Shelf<Key, Value> {
  const values = new Map<string, Value>()
  const turns = new Map<string, Promise<unknown>>()
  const nameOf = (key: Key) => JSON.stringify(key)
  return {
    read: async (key) => values.get(nameOf(key)),
    write: async (key, value) => void values.set(nameOf(key), value),
    remove: async (key) => void values.delete(nameOf(key)),
    exclusive(key, work) {
      const turn = (turns.get(nameOf(key)) ?? Promise.resolve()).then(work, work)
      turns.set(
        nameOf(key),
        turn.catch(() => {}),
      )
      return turn
    },
  }
}
