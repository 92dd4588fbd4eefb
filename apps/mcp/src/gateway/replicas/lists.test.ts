import { startTestRedis } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { answerOf, requestOf } from '../../harness/mcp-server.ts'
import { startReplicas } from '../../harness/replicas.ts'
import { startFixture } from '../harness/fixture-upstream.ts'
import { gatewayEnv } from '../harness/gateway.ts'

test.each(['http 2025', 'http 2026'] as const)(
  'a replica that never reached a server (%s) lists it as the others do',
  async (kind) => {
    await using redis = await startTestRedis()
    const fixture = await startFixture(kind)
    const other = await startFixture('http 2026')
    const env = () => gatewayEnv({ fixture: fixture.settings, other: other.settings })
    await using replicas = await startReplicas({ redisUrl: redis.url, gatewayEnv: env })
    const authorization = `Bearer ${await replicas.sign()}`
    const list = async (replica: number): Promise<readonly string[]> => {
      replicas.use(replica)
      const { message, headers } = requestOf('2026-07-28', 'tools/list')
      const accept = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization,
      }
      const all = { ...accept, ...headers } as Record<string, string>
      const response = await fetch(replicas.resource, { method: 'POST', headers: all, body: JSON.stringify(message) })
      const { result } = await answerOf(response)
      return result.tools.map(({ name }: { readonly name: string }) => name)
    }
    try {
      const before = await list(0)
      expect(before.some((name) => name.startsWith('fixture__'))).toBe(true)
      await fixture[Symbol.asyncDispose]()
      expect(await list(1)).toEqual(before)
    } finally {
      await fixture[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
    }
  },
)
