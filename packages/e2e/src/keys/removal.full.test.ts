// A signing key got into wrong hands: it is taken out of a running cluster, one replica of which hears of nothing, and stays
// out whatever comes back.
import { setTimeout as wait } from 'node:timers/promises'
import { until, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from '../replicas/cluster.ts'
import { report } from '../replicas/report.ts'
import { onlyHeader } from '../replicas/switch.ts'
import { introspect, machineToken, whoami } from '../replicas/wire.ts'
import { createOperator, kidOf, type Operator, publishedAt } from './operator.ts'

const lifetimes = { keySet: 5, accessToken: 600 }
/** Milliseconds in which a replica reads what was removed, and for which a resource server keeps the keys. */
const readWithin = 5_000
const keptFor = lifetimes.keySet * 1_000
const tolerance = 3
const idle = '0'
const busy = ['1', '2']

let cluster: Cluster
let operator: Operator
let old: { readonly token: string | undefined; readonly kid: string }

beforeAll(async () => {
  cluster = await startCluster({ auth: 2, mcp: 3, lifetimes })
  operator = createOperator(cluster, lifetimes)
  const { json } = await machineToken(cluster)
  old = { token: json.access_token, kid: kidOf(json.access_token) }
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

/** The statuses at the MCP servers of these numbers, by default all. */
const statusesOf = (token: string | undefined, replicas: readonly string[] = [idle, ...busy]) =>
  Promise.all(replicas.map(async (replica) => (await whoami(cluster, token, { [onlyHeader]: replica })).status))
const areAll = (status: number, statuses: readonly number[]) => statuses.every((each) => each === status)

verifies(
  'X20',
  'what a removed key signed is refused within the bound, at resource servers that are used and at those that are not',
  async () => {
    const { auth } = cluster
    expect(await statusesOf(old.token)).toEqual([200, 200, 200])
    auth.replicas[1]?.process().signal('SIGSTOP')
    auth.door.avoid(1)

    const started = performance.now()
    const removing = operator.run('remove', old.kid)
    let fresh: string | undefined
    const signsAfter = await until(async () => {
      fresh = (await machineToken(cluster)).json.access_token
      return kidOf(fresh) !== old.kid
    }, tolerance * readWithin)
    expect(await statusesOf(fresh, busy), 'at once').toEqual([200, 200])
    expect((await introspect(cluster, old.token)).json.active).toBe(false)
    await until(async () => areAll(401, await statusesOf(old.token, busy)), tolerance * (readWithin + keptFor))
    const refusedAfter = Math.round(performance.now() - started)

    await wait(keptFor)
    expect(await statusesOf(old.token), 'also by the one that was asked nothing meanwhile').toEqual([401, 401, 401])
    expect(await statusesOf(fresh)).toEqual([200, 200, 200])
    expect(await removing).toContain(`Removed: ${old.kid}`)
    report('a signing key is removed', {
      keySetSeconds: lifetimes.keySet,
      newKeySignsAfterMs: signsAfter,
      refusedAfterMs: refusedAfter,
    })
  },
  120_000,
)

verifies(
  'X20',
  'a replica that still holds the removed key does not bring it back when it wakes up',
  async () => {
    const { auth } = cluster
    const [awake, asleep] = auth.replicas.map(({ url }) => url)
    auth.replicas[1]?.process().signal('SIGCONT')
    const leavesAfter = await until(
      async () => !(await publishedAt(asleep ?? '')).includes(old.kid),
      tolerance * readWithin,
    )
    auth.door.use()
    await wait(tolerance * readWithin)
    const published = await publishedAt(awake ?? '')
    expect(published).not.toContain(old.kid)
    expect(await publishedAt(asleep ?? '')).toEqual(published)
    const { keys, removed } = await operator.list()
    expect(keys.map(({ kid }) => kid)).toEqual(published)
    expect(removed).toEqual([old.kid])
    expect(await statusesOf(old.token)).toEqual([401, 401, 401])
    for (let each = 0; each < 4; each += 1)
      expect(await statusesOf((await machineToken(cluster)).json.access_token)).toEqual([200, 200, 200])
    report('a replica that slept through the removal', { publishesTheKeyForMs: leavesAfter })
  },
  120_000,
)

verifies(
  'X20',
  'a Redis that lost its data gets back from the replicas that the key was removed',
  async () => {
    await cluster.redis.command('FLUSHALL')
    await until(
      async () => (await cluster.redis.command('KEYS', 'auth:document:*'))?.toString() !== '',
      tolerance * readWithin,
    )
    expect((await operator.list()).removed).toEqual([old.kid])
    await cluster.auth.replicas[0]?.kill()
    await cluster.auth.replicas[0]?.start()
    for (const { url } of cluster.auth.replicas) expect(await publishedAt(url)).not.toContain(old.kid)
    expect(await statusesOf(old.token)).toEqual([401, 401, 401])
    expect(cluster.logs()).toContain('signing keys were removed')
    expect(cluster.logs()).not.toMatch(/"d":|PRIVATE KEY/)
  },
  120_000,
)
