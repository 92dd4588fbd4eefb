// Both services on a Redis Cluster: everything a person and a device do, and a node that dies.
import { setTimeout as wait } from 'node:timers/promises'
import {
  createClientHome,
  createPerson,
  promptOf,
  type RedisCluster,
  startRedisCluster,
  until,
} from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { report } from './report.ts'
import { approvedDevice, askAsDevice, authorizationRequest, redeem, refresh, whoami } from './wire.ts'

const signIns = 12
/** Milliseconds: three times what a failover within the cluster takes, nodes being dead after two seconds. */
const backWithin = 18_000

let redis: RedisCluster
let cluster: Cluster

beforeAll(async () => {
  redis = await startRedisCluster({ replicas: true })
  cluster = await startCluster({
    auth: 2,
    mcp: 2,
    redis: { running: false },
    env: { REDIS_URL: 'redis://any', REDIS_CLUSTER: redis.addresses },
  })
}, 120_000)
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
})

/** From nothing to a renewed token that the MCP server takes. */
async function signIn(name: string): Promise<string | undefined> {
  const { json } = await (await approvedDevice(cluster, createPerson(cluster), name)).poll()
  const { status, json: renewed } = await refresh(cluster, json.refresh_token)
  expect(status).toBe(200)
  expect(claimsOf(renewed.access_token ?? '').sub).toBe(`dev:${name}`)
  expect((await whoami(cluster, renewed.access_token)).status).toBe(200)
  return renewed.refresh_token
}

test('our own client signs in on a device and calls a tool', async () => {
  using home = createClientHome(cluster)
  await using command = home.run('call', 'greet', '{"name":"world"}')
  const { code } = await promptOf(command)
  const ada = createPerson(cluster)
  await ada.enterCode(code)
  await ada.logIn('ada')
  await ada.approve()
  expect((await command.exited).code).toBe(0)
  expect(command.stdout()).toContain('world')
})

test('everything works at every replica, wherever in the cluster it is kept', async () => {
  for (let count = 0; count < signIns; count += 1) await signIn(`person-${count}`)
  const request = authorizationRequest(cluster)
  const grace = createPerson(cluster)
  await grace.open(request.url)
  await grace.logIn('grace')
  const { leftTo } = await grace.approve()
  const answers = await Promise.all(Array.from({ length: 10 }, () => redeem(cluster, request, leftTo)))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 400)])
  const device = await approvedDevice(cluster)
  const polls = await Promise.all(Array.from({ length: 10 }, () => device.poll()))
  expect(new Set(polls.filter(({ status }) => status === 200).map(({ text }) => text)).size).toBe(1)
})

test('a node that dies costs seconds: what is stored elsewhere goes on at once, the rest when its replica took over', async () => {
  const tokens = await Promise.all(Array.from({ length: signIns }, (_, count) => signIn(`again-${count}`)))
  const [victim] = redis.nodes
  await victim?.signal('SIGKILL')
  const asked = await askAsDevice(cluster).catch((error: Error) => error.message)
  const back = await until(() => signIn('while-it-heals').then(Boolean, () => false), backWithin)
  await wait(1_000)
  const renewed = await Promise.all(tokens.map((token) => refresh(cluster, token)))
  report('a master of a Redis Cluster killed', {
    signInsWorkAgainAfterMs: back,
    firstAnswer: typeof asked === 'string' ? asked.slice(0, 80) : 'ok',
    familiesBefore: tokens.length,
    familiesAfter: renewed.filter(({ status }) => status === 200).length,
  })
  expect(renewed.map(({ status }) => status)).toEqual(tokens.map(() => 200))
  expect(cluster.logs()).not.toMatch(/unhandled|uncaught|"level":60/i)
}, 60_000)
