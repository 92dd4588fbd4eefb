// For tests: generated requests, asked of the short way and of the long way. Throws where they differ.
import { expect } from 'vitest'
import { type Called, createAsked } from './asked.ts'
import { createTalkingSource, talking } from './talking-source.ts'
import { startTwoWays, type TwoWays } from './two-ways.ts'

interface Amount {
  readonly count: number
  /** The same requests for the same one. */
  readonly seed: number
}

/** What came of it. `short`: so many went the short way. */
export type Ran = TwoWays['ran']

/** Of a source that does all that a source can do. */
export async function askSource(amount: Amount): Promise<Ran> {
  await using both = await startTwoWays(createTalkingSource)
  return await askBoth(both, talking, amount)
}

/** What is behind a gateway with these settings. */
export async function askGateway(env: Readonly<Record<string, string>>, called: Called, amount: Amount): Promise<Ran> {
  await using both = await startTwoWays(undefined, { env })
  return await askBoth(both, called, amount)
}

async function askBoth(both: TwoWays, called: Called, { count, seed }: Amount): Promise<Ran> {
  const next = createAsked(seed, called)
  for (let left = count; left > 0; left -= 1) {
    const asked = next()
    const { short, long } = await both.ask(asked)
    expect(short, JSON.stringify(asked)).toEqual(long)
  }
  const { short, long } = await both.counts()
  expect(short).toBe(long)
  return both.ran
}
