// Real processes whose clocks are wrong, among others whose clocks are right.
import { createPerson, verifies } from '@gatehouse/testing'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type Cluster, type Replica, startCluster } from './cluster.ts'
import { otherClock } from './preload.ts'
import { onlyHeader } from './switch.ts'
import { approvedDevice, ask, askAsDevice, machineToken, refresh, whoami } from './wire.ts'

/** Seconds: eleven minutes. An access token lives for ten, and half a minute is tolerated. */
const far = 660
/** Milliseconds of what Redis keeps of a device code: ten minutes, and five in which it is told from an unknown one. */
const kept = { least: 600_000, most: 900_000 }

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ mcp: 2 })
}, 120_000)
afterEach(() => cluster.auth.door.use())
afterAll(() => cluster[Symbol.asyncDispose]())

async function restart(replica: Replica | undefined, clock: Parameters<typeof otherClock>[0]): Promise<void> {
  await replica?.kill()
  await replica?.start({ env: otherClock(clock) })
}

const at = (replica: number) => ({ [onlyHeader]: String(replica) })
const challengeOf = (headers: Headers) => headers.get('www-authenticate') ?? ''

/** How long Redis keeps each key of this kind, in milliseconds. */
async function livesOf(kind: string): Promise<readonly number[]> {
  const keys = (await cluster.redis.command('KEYS', `auth:${kind}:*`)) as string[]
  return Promise.all(keys.map(async (key) => Number(await cluster.redis.command('PTTL', key))))
}

verifies('X21', 'an MCP server whose clock is half a minute off serves, one that is far off says why not', async () => {
  const [first, second] = cluster.mcp.replicas
  const { json } = await machineToken(cluster)
  await Promise.all([restart(first, { ahead: 29 }), restart(second, { ahead: -29 })])
  for (const replica of [0, 1]) expect((await whoami(cluster, json.access_token, at(replica))).status).toBe(200)
  expect(cluster.logs()).not.toContain("this clock and the issuer's differ")

  await Promise.all([restart(first, { ahead: far }), restart(second, { ahead: -far })])
  const expired = await whoami(cluster, json.access_token, at(0))
  expect([expired.status, challengeOf(expired.headers)]).toEqual([401, expect.stringContaining('has expired')])
  const early = await whoami(cluster, json.access_token, at(1))
  expect([early.status, challengeOf(early.headers)]).toEqual([401, expect.stringContaining('the clocks')])
  for (const replica of [first, second]) {
    expect(replica?.logs()).toContain("this clock and the issuer's differ")
    expect((await ask(`${replica?.url}/livez`)).status).toBe(200)
  }
  await Promise.all([restart(first, {}), restart(second, {})])
})

verifies('X21', 'a replica whose clock is half a minute off takes part in every sign-in', async () => {
  for (const ahead of [29, -29]) {
    await restart(cluster.auth.replicas[1], { ahead })
    for (let round = 0; round < 2; round += 1) {
      const { json, status } = await (await approvedDevice(cluster)).poll()
      expect(status).toBe(200)
      const renewed = await refresh(cluster, json.refresh_token)
      expect(renewed.status).toBe(200)
      expect((await whoami(cluster, renewed.json.access_token)).status).toBe(200)
    }
  }
})

verifies('X21', 'an authorization server whose clock is far off still signs in, by the time of Redis', async () => {
  for (const ahead of [far, -far]) {
    await restart(cluster.auth.replicas[1], { ahead })
    cluster.auth.door.use(1)
    const device = await askAsDevice(cluster)
    expect((await device.poll()).json.error).toBe('authorization_pending')
    const { json, status } = await (await approvedDevice(cluster)).poll()
    expect(status).toBe(200)
    expect((await refresh(cluster, json.refresh_token)).status).toBe(200)
    for (const life of await livesOf('DeviceCode')) {
      expect(life).toBeGreaterThan(kept.least)
      expect(life).toBeLessThanOrEqual(kept.most)
    }
    const refused = await whoami(cluster, json.access_token)
    const why = ahead > 0 ? 'the clocks' : 'has expired'
    expect([refused.status, challengeOf(refused.headers)]).toEqual([401, expect.stringContaining(why)])
  }
})

verifies('X22', 'a clock that jumps back by an hour ends no sign-in that is under way', async () => {
  const replica = cluster.auth.replicas[1]
  await restart(replica, { step: -3_600 })
  cluster.auth.door.use(1)
  const ada = createPerson(cluster)
  const signedIn = (await (await approvedDevice(cluster, ada)).poll()).json
  const device = await askAsDevice(cluster)
  const atConsent = createPerson(cluster)
  await atConsent.enterCode(device.userCode)
  await atConsent.logIn('grace')
  const waiting = await askAsDevice(cluster)
  expect((await waiting.poll()).json.error).toBe('authorization_pending')

  replica?.process().signal('SIGUSR2')
  expect((await atConsent.approve()).heading).toBe('You are signed in on your device')
  expect((await device.poll()).status).toBe(200)
  await ada.enterCode(waiting.userCode)
  expect(ada.page.heading, 'not asked to sign in again').not.toMatch(/^Sign in/)
  await ada.approve()
  expect((await waiting.poll()).status).toBe(200)
  expect((await refresh(cluster, signedIn.refresh_token)).status).toBe(200)
  for (const kind of ['DeviceCode', 'Session', 'Grant', 'RefreshToken']) {
    for (const life of await livesOf(kind)) expect(life, kind).toBeGreaterThan(0)
  }
})
