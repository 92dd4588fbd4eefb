// How much of the texts that a caller sent a judgement reads: a condition may try a long one on a pattern for each value of a list.

/** Characters, each counted as often as its function is slower than a look at it. It takes some 0.2 s. */
const mostRead = 100_000_000

/** Functions that read a whole text. The others look at as much of it as the other text is long, or are as fast as memory is. */
const weights: Readonly<Record<string, number>> = {
  matches: 100,
  int: 100,
  uint: 100,
  size: 4,
  double: 1,
  bytes: 1,
  contains: 1,
}
export const readingFunctions = Object.keys(weights)

const spent = new WeakMap<object, number>()
let judged: object = {}

/** The conditions that are asked in one judgement have the same `facts`, and one budget. */
export function beginReading(facts: object): void {
  judged = facts
}

/** Throws beyond the budget. `sought`: what is looked for in the text, which may fit in part at each place of it. */
export function countReading(name: string, text: string, sought: string): void {
  const cost = text.length * ((weights[name] ?? 1) + (name === 'contains' ? sought.length / 16 : 0))
  const sum = (spent.get(judged) ?? 0) + cost
  spent.set(judged, sum)
  if (sum > mostRead) throw new Error('the texts are too long to be judged')
}
