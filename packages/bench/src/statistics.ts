import type { Row, Spread } from './measurement.ts'

/** One round of one subject: figures by their names. */
export type Sample = Readonly<Record<string, number>>

/** The smallest value that `share` (0 to 1) of all are not above. NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

/** Of an even number of values it is the middle between two. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1)
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/**
 * A row a subject. Beside each figure there is its ratio to that of the subject `against`: the ratio of each round, since
 * what else the machine did in a round slowed down both.
 */
export function compare(rounds: Readonly<Record<string, readonly Sample[]>>, against: string): readonly Row[] {
  const base = rounds[against] ?? []
  return Object.entries(rounds).map(([of, samples]) => {
    const figures: Record<string, Spread> = {}
    for (const name of Object.keys(samples[0] ?? {})) {
      const values = samples.map((sample) => sample[name] ?? Number.NaN)
      figures[name] = spread(values)
      // of nothing there is no multiple
      if (!base[0]?.[name]) continue
      figures[`× ${name}`] = spread(values.map((value, round) => value / (base[round]?.[name] ?? Number.NaN)))
    }
    return { of, figures }
  })
}
