// Redis is filled by what sessions of MCP clients keep. People sign in all the same, and calls are answered.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { type Everything, startEverything } from './everything.ts'
import { approvedDevice, ask, refresh } from './wire.ts'

const most = 32 * 1024 * 1024
/** Of a message to be sent back: the answer is kept, and is as long. */
const long = 200_000
const sessions = 60
const callCount = 4

let cluster: Cluster
let upstream: Everything
beforeAll(async () => {
  upstream = await startEverything()
  cluster = await startCluster({ auth: 1, mcp: 1, env: upstream.env })
  await cluster.redis.command('CONFIG', 'SET', 'maxmemory', `${most}`)
}, 120_000)
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

async function signIn(): Promise<{ access: string; renewal: string }> {
  const device = await approvedDevice(cluster)
  const { status, json } = await device.poll()
  expect(status, JSON.stringify(json)).toBe(200)
  return { access: json.access_token ?? '', renewal: json.refresh_token ?? '' }
}

async function used(): Promise<number> {
  const info = String(await cluster.redis.command('INFO', 'memory'))
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1])
}

function post(token: string, body: object, session?: string) {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(session !== undefined && { 'mcp-session-id': session }),
  }
  return ask(cluster.resource, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...body }) })
}

const handshake = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'greedy', version: '1' } }
const call = (message: string) => ({ id: 2, method: 'tools/call', params: { name: 'echo', arguments: { message } } })

test('sessions that keep too much are refused what they keep, and nobody else anything', async () => {
  const { access, renewal } = await signIn()
  let withoutSession = 0
  for (let count = 0; count < sessions; count += 1) {
    const opened = await post(access, { id: 1, method: 'initialize', params: handshake })
    expect(opened.status, opened.text).toBe(200)
    const session = opened.headers.get('mcp-session-id') ?? undefined
    if (session === undefined) withoutSession += 1
    for (let calls = 0; calls < callCount; calls += 1) {
      const answer = await post(access, call('x'.repeat(long)), session)
      expect(answer.status).toBe(200)
      expect(answer.text.length, 'a call is answered whole').toBeGreaterThan(long)
    }
  }
  const share = (await used()) / most
  // biome-ignore lint/suspicious/noConsole: the numbers are what it is run for
  console.log(`Redis is ${(share * 100).toFixed(0)} % full; ${withoutSession} of ${sessions} clients had no session`)
  expect(share).toBeGreaterThan(0.6)
  expect(share).toBeLessThan(0.85)
  expect(withoutSession).toBeGreaterThan(0)

  for (let count = 0; count < 20; count += 1) await signIn()
  expect((await refresh(cluster, renewal)).status).toBe(200)
  expect(cluster.mcp.replicas[0]?.logs()).toContain('three quarters full')
  expect(cluster.auth.replicas[0]?.logs()).not.toContain('OOM')
})
