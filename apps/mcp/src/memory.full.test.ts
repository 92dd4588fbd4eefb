// What callers who do not read can take of the process's memory. Its heap is small and its cgroup, where there can be one,
// is what compose gives it: what is held for them is outside the heap.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTokenIssuer, freePort, verifies } from '@gatehouse/testing'
import { LOG_LEVEL_META_KEY } from '@modelcontextprotocol/client'
import { expect } from 'vitest'
import { createDeafCaller, memoryLimited, peakMemoryOf } from './harness/deaf-callers.ts'
import { type Era, requestOf } from './harness/mcp-server.ts'
import { startProcess } from './harness/process.ts'
import { call, openSession } from './harness/session-client.ts'

const scope = 'mcp:tools:read mcp:tools:call mcp:tools:notify'
/** Megabytes. */
const composeLimit = 512

/** Six callers, and a process of its own to call. */
async function start(script?: string) {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-mcp-memory-'))
  const issuer = await createTokenIssuer()
  const port = String(await freePort())
  const resource = `http://localhost:${port}/mcp`
  const env = { PORT: port, MCP_ISSUER: issuer.issuer, MCP_RESOURCE_URL: resource, DATA_DIR: directory }
  const run = startProcess({ ...env, NODE_OPTIONS: '--max-old-space-size=192', LOG_LEVEL: 'info' }, script)
  const limit = memoryLimited(run.pid, composeLimit)
  await run.until('MCP server started')
  await expect.poll(async () => (await fetch(`http://localhost:${port}/readyz`)).status, { timeout: 10_000 }).toBe(200)
  const tokens = await Promise.all(
    Array.from({ length: 6 }, (_, i) => issuer.sign({ aud: resource, sub: `dev:${i}`, scope })),
  )
  const callers = tokens.map((token) => ({ token, ...createDeafCaller(resource, token) }))
  return {
    run,
    resource,
    callers,
    begun: peakMemoryOf(run.pid),
    /** Megabytes that the process has taken since it was ready, at most, `seconds` from now. */
    taken: async (seconds: number): Promise<number> => {
      await sleep(seconds * 1000)
      return peakMemoryOf(run.pid)
    },
    [Symbol.asyncDispose]: async () => {
      for (const caller of callers) caller[Symbol.dispose]()
      await run[Symbol.asyncDispose]()
      limit[Symbol.dispose]()
      await issuer[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The call as it was found: 500 notifications that each bring back the caller's token. */
function notifications(era: Era, progressToken: string) {
  const { message, headers } = requestOf(era, 'tools/call', {
    name: 'start-notification-stream',
    arguments: { interval: 10, count: 500 },
  })
  const params = message.params as { _meta?: object }
  params._meta = { ...params._meta, progressToken, [LOG_LEVEL_META_KEY]: 'info' }
  return { message, headers }
}

verifies('M18', 'six calls with a token of 200,000 characters, never read, take nothing', async () => {
  for (const era of ['2025-11-25', '2026-07-28'] as const) {
    await using server = await start()
    const { message, headers } = notifications(era, 'x'.repeat(200_000))
    for (const caller of server.callers) await caller.post(message, headers)
    const taken = await server.taken(8)
    expect(taken - server.begun, `${era}: ${server.begun} to ${taken} MB`).toBeLessThan(64)
  }
})

verifies('M18', 'sixty calls of each of six callers, with tokens as long as they may be, fit into memory', async () => {
  await using server = await start()
  const { message, headers } = notifications('2026-07-28', 'x'.repeat(400))
  for (const caller of server.callers) for (let i = 0; i < 60; i += 1) await caller.post(message, headers)
  const taken = await server.taken(12)
  expect(taken, `${server.begun} to ${taken} MB`).toBeLessThan(composeLimit * 0.75)
})

verifies('M18', 'a tool that says gigabytes to callers who do not read is cut off, in every era', async () => {
  // Megabytes, of 600 that are said. In a session each message is sealed and kept as well: what that leaves behind is collected
  // in steps of tens of megabytes, more or less of them by the machine.
  const bounds = [
    ['2025-11-25', 160],
    ['2026-07-28', 160],
    ['session', 256],
  ] as const
  for (const [kind, bound] of bounds) {
    await using server = await start('harness/chatty-server.ts')
    const args = { count: 1_000, size: 100_000 }
    for (const caller of server.callers) {
      if (kind === 'session') {
        const session = await openSession({ resource: server.resource, token: caller.token })
        await caller.post(call(1, 'chatter', args), { 'mcp-session-id': session.sessionId ?? '' })
      } else {
        const { message, headers } = requestOf(kind, 'tools/call', { name: 'chatter', arguments: args })
        const params = message.params as { _meta?: object }
        params._meta = { ...params._meta, [LOG_LEVEL_META_KEY]: 'info' }
        await caller.post(message, headers)
      }
    }
    const cutOff = () => server.run.output().match(/does not read what it is sent/g)?.length
    await expect.poll(cutOff, { timeout: 60_000, message: kind }).toBe(6)
    const taken = await server.taken(1)
    expect(taken - server.begun, `${kind}: ${server.begun} to ${taken} MB`).toBeLessThan(bound)
  }
})

verifies('M17', 'a thousand messages of a megabyte that never end are not taken in', async () => {
  await using server = await start()
  for (const caller of server.callers) for (let i = 0; i < 160; i += 1) await caller.begin()
  const taken = await server.taken(5)
  expect(taken - server.begun, `${server.begun} to ${taken} MB`).toBeLessThan(200)
})

verifies('M18', 'large answers that are not read are held up to the bound of all of them', async () => {
  await using server = await start('harness/chatty-server.ts')
  const args = { count: 0, size: 1, answer: 8_000_000 }
  for (const caller of server.callers) {
    for (let i = 0; i < 10; i += 1) {
      const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'chatter', arguments: args })
      await caller.post(message, headers)
    }
  }
  await expect.poll(() => server.run.output().includes('does not read what it is sent'), { timeout: 60_000 }).toBe(true)
  const taken = await server.taken(5)
  expect(taken, `${server.begun} to ${taken} MB`).toBeLessThan(composeLimit)
})

verifies('M18', 'the log of a session, read by many who do not read, is held once', async () => {
  await using server = await start('harness/chatty-server.ts')
  for (const caller of server.callers) {
    const session = await openSession({ resource: server.resource, token: caller.token })
    const response = await session.post(call(1, 'chatter', { count: 20, size: 60_000 }))
    const first = /^id: (.+)$/m.exec(await response.text())?.[1] ?? ''
    for (let i = 0; i < 60; i += 1) {
      await caller.get({ 'mcp-session-id': session.sessionId ?? '', 'last-event-id': first })
    }
  }
  const taken = await server.taken(5)
  expect(taken, `${server.begun} to ${taken} MB`).toBeLessThan(composeLimit * 0.75)
})
