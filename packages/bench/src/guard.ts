import { createRemoteKeySet, createTokenVerifier } from '@gatehouse/guard'
import { createTokenIssuer } from '@gatehouse/testing'
import { jwtVerify } from 'jose'
import type { Measurement, Say } from './measurement.ts'
import { inRounds, type RoundsOptions } from './rounds.ts'
import { compare, type Sample } from './statistics.ts'

const tokenCount = 200
const timesEach = 10

const resource = 'https://api.example.com/mcp'

/** What a token costs the guard, in this process. */
export const guard: Measurement = {
  about: "what a token costs the guard, the first time and when it is known again, beside jose's jwtVerify alone",
  run: async (say) => compare(await sampleGuard(say, { warmUp: 3, rounds: 10 }), 'jose jwtVerify'),
}

export async function sampleGuard(say: Say, roundCounts: RoundsOptions): Promise<Record<string, Sample[]>> {
  await using issuer = await createTokenIssuer()
  const keys = createRemoteKeySet({ issuer: issuer.issuer, url: issuer.jwksUrl })
  const tokens = await Promise.all(Array.from({ length: tokenCount }, () => issuer.sign({ aud: resource })))
  const options = { issuer: issuer.issuer, resource, keys }
  const bare = (token: string) => jwtVerify(token, keys, { algorithms: ['ES256'], audience: resource })
  say(`verifying, ${roundCounts.warmUp + roundCounts.rounds} rounds of ${tokenCount * timesEach}`)
  const rounds = {
    'jose jwtVerify': () => measure(tokens, bare),
    'guard, nothing remembered': () => measure(tokens, createTokenVerifier({ ...options, remembered: 0 })),
    'guard, known again': async () => {
      const verify = createTokenVerifier(options)
      for (const token of tokens) await verify(token)
      return measure(tokens, verify)
    },
  }
  return await inRounds(rounds, roundCounts)
}

async function measure(tokens: readonly string[], verify: (token: string) => Promise<unknown>): Promise<Sample> {
  const began = performance.now()
  for (let count = 0; count < timesEach; count += 1) for (const token of tokens) await verify(token)
  const each = ((performance.now() - began) * 1_000) / (timesEach * tokens.length)
  return { 'µs a token': each, 'tokens a second': 1_000_000 / each }
}
