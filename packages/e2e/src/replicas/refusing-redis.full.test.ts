// Redis answers, and does not do what it is asked to: it is full, a replica of another, loads its file, knows the
// scripts no more, has another password, or breaks connections. Each passes, and nobody restarts.
import { setTimeout as wait } from 'node:timers/promises'
import { createPerson, until, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { type Observation, observe, type Probe, prepareProbes } from './probes.ts'
import { report } from './report.ts'
import { approvedDevice, ask, askAsDevice, authorizationRequest, refresh, whoami } from './wire.ts'

/** Milliseconds, as docs/faults.md promises; tests allow three times as much. */
const answersWithin = 1_000
const backWithin = 10_000
const tolerance = 3
const firstPassword = 'the-first-password'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({
    redis: { keepsData: true, password: firstPassword },
    proxied: 2,
  })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

const command: Cluster['redis']['command'] = (...parts) => cluster.redis.command(...parts)

/** What each endpoint answers is what it always does, or a 503 that says when to come back: never anything else. */
async function observeTrouble(probes: readonly Probe[]): Promise<readonly Observation[]> {
  const began = performance.now()
  const seen = await observe(probes, { until: () => performance.now() - began > 500, pause: 100 })
  for (const [index, { name, status, away }] of probes.entries()) {
    const { statuses = [], slowest, retryAfter } = seen[index] ?? {}
    for (const each of statuses) expect([status, away], name).toContain(each)
    expect(slowest, name).toBeLessThan(tolerance * answersWithin)
    if (statuses.includes(503)) expect(retryAfter, name).toBe('1')
  }
  return seen
}

async function untilBack(probes: readonly Probe[]): Promise<number> {
  const isBack = async () => {
    const answers = await Promise.all(probes.map(({ run }) => run()))
    return answers.every(({ status }, index) => status === probes[index]?.status)
  }
  return until(isBack, tolerance * backWithin)
}

const refusing = (seen: readonly Observation[]) => seen.filter(({ statuses }) => statuses.includes(503)).length

verifies(
  'X7',
  'a full Redis: what has to be written is a 503, what is read goes on, and nothing is half done',
  async () => {
    const probes = await prepareProbes(cluster)
    const device = await askAsDevice(cluster)
    const ada = createPerson(cluster)
    await ada.enterCode(device.userCode)
    await ada.logIn('ada')
    const approved = await approvedDevice(cluster)
    const { json } = await (await approvedDevice(cluster)).poll()

    await command('CONFIG', 'SET', 'maxmemory', '1')
    const seen = await observeTrouble(probes)
    const refused = [await ada.approve(), await approved.poll(), await refresh(cluster, json.refresh_token)]
    expect(refused.map(({ status }) => status)).toEqual([503, 503, 503])
    expect((await ask(`${cluster.issuer}/readyz`)).status, 'the others are no better').toBe(200)
    expect(cluster.logs()).toContain('OOM')
    await command('CONFIG', 'SET', 'maxmemory', '0')
    report('Redis is full', { refusing: refusing(seen), of: probes.length, backAfterMs: await untilBack(probes) })

    expect((await device.poll()).json.error, 'nothing was approved by halves').toMatch(
      /authorization_pending|slow_down/,
    )
    await ada.enterCode(device.userCode)
    expect((await ada.approve()).heading).toBe('You are signed in on your device')
    expect((await approved.poll()).status, 'nothing was used up').toBe(200)
    expect((await refresh(cluster, json.refresh_token)).status).toBe(200)
  },
)

verifies(
  'X8',
  'a Redis that drops data when it is full is pointed out, and costs sign-ins, never an identity',
  async () => {
    await command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    for (const proxy of cluster.proxies) proxy.cut()
    await until(() => cluster.logs().includes('set its maxmemory-policy to noeviction'), tolerance * backWithin)
    await until(() => everyReplicaIsReady(cluster), tolerance * backWithin)
    const ada = createPerson(cluster)
    const { json } = await (await approvedDevice(cluster, ada, 'ada')).poll()
    await command('CONFIG', 'SET', 'maxmemory', '1')
    await until(async () => (await command('DBSIZE')) === 0, tolerance * backWithin).catch(() => undefined)
    await command('CONFIG', 'SET', 'maxmemory', '0')
    await command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await command('FLUSHALL')
    expect((await refresh(cluster, json.refresh_token)).status).toBe(400)
    expect((await ada.open(authorizationRequest(cluster).url)).heading, 'asked to sign in again').toBe('Sign in')
    expect((await whoami(cluster, json.access_token)).status).toBe(200)
    await until(async () => String(await command('KEYS', 'auth:document:*')) !== '', tolerance * backWithin)
  },
)

verifies(
  'X10',
  'a Redis that became a replica of another is a 503, and it goes on when it is a master again',
  async () => {
    const probes = await prepareProbes(cluster)
    await command('REPLICAOF', '127.0.0.1', '1')
    const seen = await observeTrouble(probes)
    expect(refusing(seen)).toBeGreaterThan(0)
    await command('REPLICAOF', 'NO', 'ONE')
    report('Redis is read-only', { refusing: refusing(seen), of: probes.length, backAfterMs: await untilBack(probes) })
  },
)

verifies('X10', 'a Redis that forgot the scripts is told them again, and nobody notices', async () => {
  const device = await approvedDevice(cluster)
  await command('SCRIPT', 'FLUSH')
  const { status, json } = await device.poll()
  expect(status).toBe(200)
  await command('SCRIPT', 'FLUSH')
  expect((await refresh(cluster, json.refresh_token)).status).toBe(200)
})

verifies('X10', 'a Redis with another password is a 503, and it goes on when the old one counts again', async () => {
  const probes = await prepareProbes(cluster)
  await cluster.redis.changePassword('the-second-password')
  for (const proxy of cluster.proxies) proxy.cut()
  const seen = await observeTrouble(probes)
  expect(refusing(seen)).toBeGreaterThan(10)
  await cluster.redis.changePassword(firstPassword)
  report('Redis has another password', {
    refusing: refusing(seen),
    of: probes.length,
    backAfterMs: await untilBack(probes),
  })
  expect(cluster.logs()).not.toContain(firstPassword)
})

verifies('X10', 'a Redis that still loads its file is a 503 until it is done', async () => {
  const probes = await prepareProbes(cluster)
  await command('CONFIG', 'SET', 'appendonly', 'no')
  await command('SAVE')
  await cluster.redis.kill()
  await cluster.redis.start(
    '--appendonly',
    'no',
    '--key-load-delay',
    '20000',
    '--loading-process-events-interval-bytes',
    '1024',
  )
  const seen = await observeTrouble(probes)
  expect(refusing(seen)).toBeGreaterThan(10)
  report('Redis loads its file', { refusing: refusing(seen), of: probes.length, backAfterMs: await untilBack(probes) })
})

verifies('X4', 'connections that break all the time use nothing up twice, and lose no sign-in', async () => {
  const { json } = await (await approvedDevice(cluster)).poll()
  let current = json.refresh_token
  let isOver = false
  const nemesis = (async () => {
    for (let turn = 0; !isOver; turn += 1) {
      await wait(100 + 100 * Math.random())
      cluster.proxies[turn % cluster.proxies.length]?.cut()
    }
  })()
  const statuses: number[] = []
  const deadline = performance.now() + 3_000
  while (performance.now() < deadline) {
    const answer = await refresh(cluster, current)
    statuses.push(answer.status)
    expect([200, 503], answer.text).toContain(answer.status)
    current = answer.json.refresh_token ?? current
  }
  isOver = true
  await nemesis
  const good = statuses.filter((status) => status === 200).length
  report('connections to Redis break every 300 ms', { refreshes: statuses.length, answered: good })
  expect(good).toBeGreaterThan(0)
  await cluster.untilReady()
  expect((await refresh(cluster, current)).status, 'the family is alive').toBe(200)
})

/** Requests go round: as many as there could be replicas, all of them answered. */
async function everyReplicaIsReady({ issuer }: Cluster): Promise<boolean> {
  const answers = await Promise.all(Array.from({ length: 6 }, () => ask(`${issuer}/readyz`)))
  return answers.every(({ status }) => status === 200)
}
