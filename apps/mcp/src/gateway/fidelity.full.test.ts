// What an upstream sends is what a client gets, whichever eras the two are of, but for what belongs to a hop.
import { expect, test } from 'vitest'
import { answerOf, eras, requestOf, startMcpServer } from '../harness/mcp-server.ts'
import { type FixtureKind, startFixture } from './harness/fixture-upstream.ts'
import { gatewayEnv } from './harness/gateway.ts'
import { randomDefinition, randomResult } from './harness/random-json.ts'
import type { Json, Members } from './upstreams/contract.ts'

const results = 500
const definitions = 40
const kinds: readonly FixtureKind[] = ['stdio 2025', 'http 2025', 'sse 2025', 'stdio 2026', 'http 2026']

/** With its members in order, at every level. */
function canonical(value: Json): string {
  return JSON.stringify(value, (_key, member) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}

/** Of a result of 2026-07-28: what kind it is, and what a server says of itself. */
function withoutHop({ resultType: _, _meta, ...result }: Members): Members {
  const own = Object.entries(_meta ?? {}).filter(([key]) => !key.startsWith('io.modelcontextprotocol/'))
  return { ...result, ...(own.length > 0 && { _meta: Object.fromEntries(own) }) }
}

test.each(kinds)('results and definitions of %s come as they were sent', async (kind) => {
  await using fixture = await startFixture(kind, {}, 'matrix')
  await using server = await startMcpServer({ env: gatewayEnv({ fixture: fixture.settings }) })
  for (const era of eras) {
    const ask = async (method: string, params: Record<string, unknown>): Promise<Members> => {
      const { message, headers } = requestOf(era, method, params)
      const { result, error } = await answerOf(await server.post(message, headers))
      if (!result) throw new Error(`${method} ${JSON.stringify(params)}: ${JSON.stringify(error)}`)
      return withoutHop(result)
    }
    const differed: string[] = []
    for (let seed = 0; seed < results; seed++) {
      const found = canonical(await ask('tools/call', { name: 'give', arguments: { seed } }))
      const sent = canonical(withoutHop(randomResult(seed)))
      if (found !== sent) differed.push(`result ${seed}\n  sent ${sent}\n  came ${found}`)
    }
    const { tools } = await ask('tools/list', {})
    for (let seed = 0; seed < definitions; seed++) {
      const found = canonical(tools.find(({ name }: Members) => name === `given_${seed}`) ?? null)
      const sent = canonical(randomDefinition(seed))
      if (found !== sent) differed.push(`definition ${seed}\n  sent ${sent}\n  came ${found}`)
    }
    process.stdout.write(`${kind} to ${era}: ${results + definitions} results, ${differed.length} differed\n`)
    expect.soft(differed.slice(0, 3), `${kind} to ${era}`).toEqual([])
  }
})
