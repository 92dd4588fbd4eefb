import { verifies } from '@gatehouse/testing'
import { LOG_LEVEL_META_KEY } from '@modelcontextprotocol/client'
import { expect, vi } from 'vitest'
import { chatter } from '../harness/chatty-server.ts'
import { createDeafCaller } from '../harness/deaf-callers.ts'
import { eras, requestOf, startMcpServer, type TestServer } from '../harness/mcp-server.ts'
import { createBuiltin } from '../sources/builtin/builtin.ts'

const chat = (era: (typeof eras)[number], args: { count: number; size: number; answer?: number }) => {
  const { message, headers } = requestOf(era, 'tools/call', { name: 'chatter', arguments: args })
  const params = message.params as { _meta?: object }
  params._meta = { ...params._meta, [LOG_LEVEL_META_KEY]: 'info' }
  return { message, headers }
}

/** How many bytes each answer held that was ended. */
const ended = ({ log }: TestServer): number[] =>
  log.map((line) => JSON.parse(line)).flatMap(({ msg, bytes }) => (/does not read/.test(msg) ? [bytes] : []))

verifies(
  'M18',
  'a stream whose client does not read ends; one that is read goes on, however much it says',
  async () => {
    await using server = await startMcpServer({
      source: createBuiltin({ tools: [chatter] }),
      unsentLimits: { perAnswer: 200_000 },
    })
    using deaf = createDeafCaller(server.resource, await server.sign())
    for (const era of eras) {
      const { message, headers } = chat(era, { count: 300, size: 100_000 })
      await deaf.post(message, headers)
      const heard = (await (await server.post(message, headers)).text()).match(/notifications\/message/g)
      expect(heard).toHaveLength(300)
    }
    await vi.waitFor(() => expect(ended(server)).toHaveLength(2), { timeout: 10_000 })
    // One message, and what Node keeps of each, may be beyond the bound.
    for (const bytes of ended(server)) expect(bytes).toBeLessThan(200_000 + 2 * 100_000)
  },
)

verifies('M18', 'one answer may be larger than what a stream may hold, but all together have a bound', async () => {
  await using server = await startMcpServer({
    source: createBuiltin({ tools: [chatter] }),
    unsentLimits: { total: 40_000_000 },
  })
  const { message, headers } = chat('2026-07-28', { count: 0, size: 1, answer: 15_000_000 })
  const read = await (await server.post(message, headers)).text()
  expect(read.length).toBeGreaterThan(15_000_000)
  expect(ended(server)).toEqual([])
  using deaf = createDeafCaller(server.resource, await server.sign())
  for (let i = 0; i < 5; i += 1) await deaf.post(message, headers)
  await vi.waitFor(() => expect(ended(server).length).toBeGreaterThanOrEqual(2), { timeout: 10_000 })
  expect(ended(server).length).toBeLessThan(5)
})
