// Processes that are killed in the middle of a stream, without a word. Ten seconds, because that is for how long a replica
// that says nothing counts as alive.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenIssuer, freePort, startTestRedis, verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { startFront } from './harness/front.ts'
import { answerOf, requestOf } from './harness/mcp-server.ts'
import { startProcess } from './harness/process.ts'
import { call, openSession, readEvents, type SentEvent, textsOf } from './harness/session-client.ts'

const list = requestOf('2025-11-25', 'tools/list').message
const greetings = call(5, 'multi-greet', { name: 'Ada', count: 10, pause: 1_000 })

verifies(
  ['X15', 'X16'],
  'what a killed replica said is read at another one, which says that no more will come',
  async () => {
    await using redis = await startTestRedis()
    await using issuer = await createTokenIssuer()
    await using front = await startFront()
    const resource = `${front.origin}/mcp`
    const ports = [await freePort(), await freePort()] as const
    const start = (port: number) =>
      startProcess({ PORT: `${port}`, MCP_ISSUER: issuer.issuer, MCP_RESOURCE_URL: resource, REDIS_URL: redis.url })
    await using first = start(ports[0])
    await using second = start(ports[1])
    await Promise.all([first.until('MCP server started'), second.until('MCP server started')])

    front.route = () => ports[0]
    const session = await openSession({
      resource,
      token: await issuer.sign({ aud: resource, sub: `dev:${randomUUID()}` }),
    })
    const reader = readEvents(await session.post(greetings))
    const seen = [await reader.next(), await reader.next(), await reader.next()] as SentEvent[]
    first.kill('SIGKILL')
    await first.exited
    front.route = () => ports[1]
    expect((await answerOf(await session.post(list))).result.tools.length).toBeGreaterThan(2)
    const began = performance.now()
    const rest = await readEvents(await session.get(seen[0]?.id)).rest()
    expect(textsOf(rest)).toEqual(['Starting to greet Ada', 'Greeting 1 of 10: hello, Ada!'])
    expect(rest.at(-1)?.message).toMatchObject({ id: 5, error: { message: expect.stringContaining('again') } })
    expect(performance.now() - began).toBeLessThan(3 * 10_000)
    const again = readEvents(await session.post({ ...greetings, id: 6 }))
    expect(textsOf([...[await again.next(), await again.next()]] as SentEvent[])).toEqual(['Starting to greet Ada'])
    await session.delete()
  },
  120_000,
)

verifies(
  'X16',
  'on one machine a session outlives the process that was killed',
  async () => {
    await using issuer = await createTokenIssuer()
    const DATA_DIR = mkdtempSync(join(tmpdir(), 'gatehouse-mcp-death-'))
    try {
      const PORT = String(await freePort())
      const resource = `http://localhost:${PORT}/mcp`
      const start = () => startProcess({ PORT, DATA_DIR, MCP_ISSUER: issuer.issuer, MCP_RESOURCE_URL: resource })
      await using first = start()
      await first.until('MCP server started')
      const session = await openSession({ resource, token: await issuer.sign({ aud: resource }) })
      const reader = readEvents(await session.post(greetings))
      const seen = [await reader.next(), await reader.next()] as SentEvent[]
      first.kill('SIGKILL')
      await first.exited
      await using second = start()
      await second.until('MCP server started')
      const rest = await readEvents(await session.get(seen.at(-1)?.id)).rest()
      expect(rest.at(-1)?.message).toMatchObject({ id: 5, error: { message: expect.stringContaining('again') } })
      expect((await session.post(list)).status).toBe(200)
    } finally {
      rmSync(DATA_DIR, { recursive: true, force: true })
    }
  },
  60_000,
)
