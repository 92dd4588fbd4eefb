// Which of the names that were given go where there are too many: the oldest of the upstream that has the most, so that none
// drives out the others.
import type { Owned } from './names.ts'

/** The oldest come first in `all`, which is walked over twice at most: an upstream may rename all that it has at each list. */
export function dropOldest(all: Map<string, Owned>, most: number): void {
  if (all.size <= most) return
  const counts = new Map<string, number>()
  for (const { upstream } of all.values()) counts.set(upstream, (counts.get(upstream) ?? 0) + 1)
  const { each, more } = sharesOf([...counts.values()], most)
  // those with one more than their share keep it as far as there is room: who has the oldest name loses first
  let losing = [...counts.values()].filter((count) => count > each).length - more
  for (const [exposed, { upstream }] of all) {
    const count = counts.get(upstream) ?? 0
    if (count <= each || (count === each + 1 && losing === 0)) continue
    if (count === each + 1) losing -= 1
    all.delete(exposed)
    counts.set(upstream, count - 1)
  }
}

/** How many names each upstream keeps at most, and how many of those that had more keep one beyond. */
function sharesOf(counts: readonly number[], most: number): { readonly each: number; readonly more: number } {
  let room = most
  let sharing = counts.length
  for (const count of counts.toSorted((one, other) => one - other)) {
    if (count * sharing > room) break
    room -= count
    sharing -= 1
  }
  const each = Math.floor(room / sharing)
  return { each, more: room - each * sharing }
}
