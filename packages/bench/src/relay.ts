// A call of a tool: of the demonstration, and of somebody's server behind the gateway, with rules and audit as a company has them.
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { createTokenIssuer } from '@gatehouse/testing'
import { type McpServer, profiled, startGateway, startUpstream, upstreamCommand } from './gateways.ts'
import { processorTime, residentMemory } from './kernel.ts'
import { type Measurement, OptionError } from './measurement.ts'
import { inRounds } from './rounds.ts'
import { compare, type Sample } from './statistics.ts'

const calls = 1_000
const atOnce = 16
const roundCounts = { warmUp: 2, rounds: 6 }

/** What `tools/call` costs the process that answers it. */
export const relay: Measurement = {
  about: 'what a call of a tool costs: of the demonstration, and behind the gateway with rules and audit',
  options: ['--profile   leaves a processor profile of each gateway in test-output/profiles'],
  async run(say, options) {
    const [option, ...rest] = options
    if (rest.length > 0 || (option !== undefined && option !== '--profile'))
      throw new OptionError('relay takes --profile alone')
    const node = option ? profiled : []
    say('starting servers')
    await using issuer = await createTokenIssuer()
    await using all = new AsyncDisposableStack()
    const [http2026, http2025] = [all.use(await startUpstream('2026', 10)), all.use(await startUpstream('2025', 10))]
    const behind = async (upstream?: object) =>
      all.use(await startGateway(issuer, { node, ...(upstream && { upstream }) }))
    const subjects: Readonly<Record<string, McpServer>> = {
      'the demonstration': await behind(),
      'stdio, 2026-07-28': await behind(upstreamCommand('2026', 10)),
      'stdio, 2025-11-25': await behind(upstreamCommand('2025', 10)),
      'HTTP, 2026-07-28': await behind({ url: http2026.url }),
      'HTTP, 2025-11-25': await behind({ url: http2025.url }),
      'HTTP, 2026-07-28, by itself': http2026,
    }
    const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
    all.defer(() => agent.destroy())
    say(`calling, ${roundCounts.warmUp + roundCounts.rounds} rounds of ${calls}`)
    const measured = Object.entries(subjects).map(([name, subject]) => [name, () => measure(subject, agent)] as const)
    return compare(await inRounds(Object.fromEntries(measured), roundCounts), 'the demonstration')
  },
}

async function measure(subject: McpServer, agent: Agent): Promise<Sample> {
  const [before, began] = [processorTime(subject.pid), performance.now()]
  let left = calls
  const caller = async () => {
    while (left > 0) {
      left -= 1
      await call(subject, agent)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, caller))
  const seconds = (performance.now() - began) / 1_000
  return {
    'CPU ms a call': (processorTime(subject.pid) - before) / calls,
    'calls a second': calls / seconds,
    'VmRSS MB': residentMemory(subject.pid),
  }
}

/** Calls its tool once. Rejects if it answers otherwise than expected. */
export async function call({ url, token, tool }: McpServer, agent: Agent): Promise<void> {
  const { name, arguments: args, answer } = tool
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta } })
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': name,
    ...(token && { authorization: `Bearer ${token}` }),
  }
  const asked = request(url, { agent, method: 'POST', headers }).end(body)
  const [response] = await once(asked, 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  if (!text.includes(answer)) throw new Error(`It answers otherwise than expected: ${text}`)
}
