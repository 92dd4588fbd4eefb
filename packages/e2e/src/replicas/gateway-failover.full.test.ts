// The gateway on two replicas and a Redis with Sentinels, in front of a server that wants sessions: the master is killed.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { type Everything, startEverything } from './everything.ts'
import { type SentinelSetup, startSentinels } from './sentinels.ts'
import { approvedDevice, ask } from './wire.ts'

let sentinels: SentinelSetup
let cluster: Cluster
let upstream: Everything
beforeAll(async () => {
  upstream = await startEverything()
  sentinels = await startSentinels()
  const env = { ...sentinels.env, ...upstream.env }
  cluster = await startCluster({ auth: 1, mcp: 2, redis: { running: false }, env })
}, 120_000)
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await upstream?.[Symbol.asyncDispose]()
  await sentinels?.[Symbol.asyncDispose]()
})

async function echo(token: string, replica: number): Promise<string> {
  cluster.mcp.door.use(replica)
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const params = { name: 'echo', arguments: { message: 'hi' } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  return (await ask(cluster.resource, { method: 'POST', headers, body })).text
}

test('both replicas are answered over one session, before the failover and after it', async () => {
  const device = await approvedDevice(cluster)
  const { json } = await device.poll()
  const token = json.access_token ?? ''
  for (const replica of [0, 1, 0, 1]) expect(await echo(token, replica)).toContain('Echo: hi')
  await sentinels.untilSettled()
  const { master } = await sentinels.roles()
  await master.redis.kill()
  for (const replica of [0, 1]) {
    await expect.poll(() => echo(token, replica), { timeout: 45_000, interval: 500 }).toContain('Echo: hi')
  }
  await master.start()
  await sentinels.untilSettled()
  for (const replica of [0, 1, 0, 1]) expect(await echo(token, replica)).toContain('Echo: hi')
  for (const { logs } of cluster.mcp.replicas) expect(logs()).not.toContain('NOPERM')
}, 180_000)
