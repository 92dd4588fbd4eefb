// A call of a tool: of the demonstration, and of somebody's server behind the gateway, with rules and audit as a company has them.
import { createTokenIssuer } from '@gatehouse/testing'
import { startMcpProxy, startSupergateway } from './beside/mcp-servers.ts'
import { startStdio } from './beside/stdio.ts'
import { calling2025, calling2026, perCall } from './calling.ts'
import { profiled, startGateway, startUpstream, upstreamCommand } from './gateways.ts'
import { measureInRounds, type Subject } from './load.ts'
import { type Measurement, OptionError, type Say } from './measurement.ts'
import type { RoundsOptions } from './rounds.ts'
import { compare, type Sample } from './statistics.ts'

const roundCounts = { warmUp: 2, rounds: 6 }

/** What `tools/call` costs the process that answers it. */
export const relay: Measurement = {
  about: 'what a call of a tool costs: of the demonstration, behind the gateway with rules and audit, and with bridges',
  options: ['--profile   leaves a processor profile of each gateway in test-output/profiles'],
  async run(say, options) {
    const [option, ...rest] = options
    if (rest.length > 0 || (option !== undefined && option !== '--profile'))
      throw new OptionError('relay takes --profile alone')
    return compare(await sampleRelay(say, roundCounts, option ? profiled : []), 'the demonstration')
  },
}

/** `node` are options of Node.js for the gateways. */
export async function sampleRelay(
  say: Say,
  rounds: RoundsOptions,
  node: readonly string[] = [],
): Promise<Record<string, Sample[]>> {
  say('starting MCP servers')
  await using issuer = await createTokenIssuer()
  await using all = new AsyncDisposableStack()
  const [http2026, http2025] = [all.use(await startUpstream('2026', 10)), all.use(await startUpstream('2025', 10))]
  const behind = async (upstream?: object) =>
    calling2026(all, all.use(await startGateway(issuer, { node, ...(upstream && { upstream }) })))
  const { command } = upstreamCommand('2025', 10)
  const subjects: Readonly<Record<string, Subject & { readonly times?: number }>> = {
    'the demonstration': await behind(),
    'stdio, 2026-07-28': await behind(upstreamCommand('2026', 10)),
    'stdio, 2025-11-25': await behind({ command }),
    'HTTP, 2026-07-28': await behind({ url: http2026.url }),
    'HTTP, 2025-11-25': await behind({ url: http2025.url }),
    'HTTP, 2026-07-28, by itself': { ...calling2026(all, http2026), times: 4 },
    'stdio, 2025-11-25, by itself': { ...all.use(startStdio(command, 'tool_1')), times: 4 },
    // each of them over the upstream that it speaks to as it comes, for the client that costs it the least
    'supergateway, stdio': await calling2025(all, all.use(await startSupergateway(command))),
    'mcp-proxy, stdio': calling2026(all, all.use(await startMcpProxy(command))),
  }
  say(`calling, ${rounds.warmUp + rounds.rounds} rounds`)
  return await measureInRounds(subjects, perCall, rounds)
}
