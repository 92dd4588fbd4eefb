/** Does something with each of them in order, with so many under way at once. */
export async function forEach<T>(all: Iterable<T>, atOnce: number, act: (one: T) => Promise<unknown>): Promise<void> {
  const left = all[Symbol.iterator]()
  const next = async () => {
    for (let one = left.next(); !one.done; one = left.next()) await act(one.value)
  }
  await Promise.all(Array.from({ length: atOnce }, next))
}
