// A hundred changes of the file under load. Each changes one server; at the others nobody may notice.
import { createMetrics } from '@gatehouse/service'
import { expect, test, vi } from 'vitest'
import { type FileContent, startWithFile } from './harness/gateway-file.ts'
import { answerOf, requestOf } from './harness/mcp-server.ts'
import { startNamedServer } from './harness/named-server.ts'
import { openSession } from './harness/session-client.ts'

const names = ['a', 'b', 'c', 'd']
const reloads = 100
const callersEach = 4

test('a hundred changes under load: no call is refused or lost, neither at the other servers nor at the one that changed', async () => {
  const servers = await Promise.all(names.map((name) => startNamedServer(name)))
  const concurrency = Object.fromEntries(names.map((name) => [name, 50]))
  const content = (): FileContent => ({
    endpoints: { '/mcp': names },
    upstreams: Object.fromEntries(
      names.map((name, at) => [name, { url: servers[at]?.url, concurrency: concurrency[name] }]),
    ),
  })
  const metrics = createMetrics({ ofProcess: false })
  await using server = await startWithFile(content(), { metrics })
  const token = await server.sign()
  const authorization = `Bearer ${token}`
  const wrong: unknown[] = []
  const counts = new Map<string, number>()
  let isOver = false

  /** Calls one server again and again, as a client of either era does. */
  async function caller(name: string, isLegacy: boolean): Promise<void> {
    const session = isLegacy ? await openSession({ resource: server.at('/mcp'), token }) : undefined
    while (!isOver) {
      const { message, headers } = requestOf(isLegacy ? '2025-11-25' : '2026-07-28', 'tools/call', {
        name: `${name}__who`,
        arguments: {},
      })
      const response = session ? await session.post(message) : await server.post(message, { ...headers, authorization })
      const answer = await answerOf(response).catch((error: unknown) => ({ error }))
      if (answer.result?.content?.[0]?.text === name) counts.set(name, (counts.get(name) ?? 0) + 1)
      else wrong.push([name, response.status, answer])
    }
  }

  const callers = names.flatMap((name) =>
    Array.from({ length: callersEach }, (_, index) => caller(name, index % 2 === 0)),
  )
  try {
    for (let reload = 0; reload < reloads; reload += 1) {
      const name = names[reload % names.length] as string
      const before = new Map(counts)
      concurrency[name] = 51 + reload
      server.file.write(content())
      server.reload()
      // all were called since: a change does not come before the last one was noticed
      await vi.waitFor(
        () => expect(names.every((each) => (counts.get(each) ?? 0) > (before.get(each) ?? 0) + callersEach)).toBe(true),
        { timeout: 20_000 },
      )
    }
  } finally {
    isOver = true
    await Promise.all(callers)
    await Promise.all(servers.map((each) => each[Symbol.asyncDispose]()))
  }
  expect(wrong).toEqual([])
  expect((await metrics.read()).text).toContain(`gatehouse_config_reloads_total{result="changed"} ${reloads}`)
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  process.stdout.write(`${reloads} reloads, ${total} calls, ${wrong.length} refused or lost\n`)
}, 180_000)
