import type { Sample } from './statistics.ts'

export interface RoundsOptions {
  /** Rounds that count for nothing: code is compiled and caches are filled in them. */
  readonly warmUp: number
  readonly rounds: number
  /** The share of its requests that a round has, to see whether it runs. By default all: 1. */
  readonly share?: number
}

/** Runs every subject once a round, one after the other, each round in the reverse order of the one before. */
export async function inRounds<Name extends string>(
  subjects: Readonly<Record<Name, () => Promise<Sample>>>,
  { warmUp, rounds }: RoundsOptions,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(subjects) as Name[]
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<Name, Sample[]>
  for (let round = 0; round < warmUp + rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const sample = await subjects[name]()
      if (round >= warmUp) samples[name].push(sample)
    }
  }
  return samples
}
