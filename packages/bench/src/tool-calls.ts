import { createTokenIssuer } from '@gatehouse/testing'
import { startSdkV1, startSdkV2 } from './beside/mcp-servers.ts'
import { calling2025, calling2026, perCall } from './calling.ts'
import { startGateway } from './gateways.ts'
import { measureInRounds } from './load.ts'
import type { Measurement, Say } from './measurement.ts'
import type { RoundsOptions } from './rounds.ts'
import { compare, type Sample } from './statistics.ts'

/** What a call of the demonstration's tool costs, which says who may call it, beside the SDKs with the same tool. */
export const calls: Measurement = {
  about: 'what a call of a tool costs: of the demonstration, and of the same tool with the SDKs alone',
  run: async (say) => compare(await sampleCalls(say, { warmUp: 3, rounds: 10 }), 'the demonstration'),
}

export async function sampleCalls(say: Say, rounds: RoundsOptions): Promise<Record<string, Sample[]>> {
  say('starting MCP servers')
  await using issuer = await createTokenIssuer()
  await using all = new AsyncDisposableStack()
  const one = all.use(await startGateway(issuer))
  const pair = [all.use(await startGateway(issuer)), all.use(await startGateway(issuer))]
  const subjects = {
    'the demonstration': calling2026(all, one),
    // each of them has as much to compile as one
    'the demonstration, two processes': { ...calling2026(all, ...pair), times: 2 },
    'SDK v2, no guard': calling2026(all, all.use(await startSdkV2())),
    'SDK v1, requireBearerAuth and jose': await calling2025(all, all.use(await startSdkV1(issuer))),
  }
  say(`calling, ${rounds.warmUp + rounds.rounds} rounds`)
  return await measureInRounds(subjects, perCall, rounds)
}
