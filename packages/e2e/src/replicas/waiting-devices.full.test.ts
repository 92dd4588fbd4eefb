// Devices wait, their polls held, while what is under them goes: a replica, Redis, the proxy in front. What each of them saw.
import { setTimeout as wait } from 'node:timers/promises'
import { createPerson, verifies } from '@gatehouse/testing'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { report } from './report.ts'
import { startSwitch } from './switch.ts'
import { type Answer, askAsDevice, type Device } from './wire.ts'

const deviceCount = 24
/** Milliseconds after which every hold has begun. */
const settled = 1_000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ redis: { keepsData: 'always' } })
}, 120_000)
afterEach(() => cluster.untilReady(), 60_000)
afterAll(() => cluster[Symbol.asyncDispose]())

interface Waiting {
  readonly userCode: string
  /** The answers before the last one: `authorization_pending`, a status, or `no answer`. */
  readonly saw: string[]
  readonly finished: Promise<Answer>
}

/** Polls as RFC 8628 §3.5 has it. A lost answer is a reason to wait for the interval, and to ask again. */
function startWaiting({ userCode, interval, poll }: Device): Waiting {
  const saw: string[] = []
  const finish = async (): Promise<Answer> => {
    let pause = interval
    for (;;) {
      const answer = await poll()
      const { error = answer.status === 0 ? 'no answer' : String(answer.status) } = answer.json
      if (answer.status === 200) return answer
      saw.push(error)
      if (error === 'slow_down') pause += 5
      if (!['authorization_pending', 'slow_down', 'temporarily_unavailable', 'no answer', '502', '503'].includes(error))
        return answer
      await wait(1000 * Math.max(pause, Number(answer.headers.get('retry-after') ?? 0)))
    }
  }
  return { userCode, saw, finished: finish() }
}

async function startAll(): Promise<readonly Waiting[]> {
  const devices = await Promise.all(Array.from({ length: deviceCount }, () => askAsDevice(cluster)))
  const waiting = devices.map(startWaiting)
  await wait(settled)
  return waiting
}

/** One person approves all of them, and all have their tokens. Returns how often each answer came, and the longest wait. */
async function approveAll(name: string, waiting: readonly Waiting[]) {
  const ada = createPerson(cluster)
  const waits: number[] = []
  const finished: Promise<unknown>[] = []
  for (const { userCode, finished: token } of waiting) {
    await ada.enterCode(userCode)
    if (ada.page.heading.startsWith('Sign in')) await ada.logIn('ada')
    const clicked = performance.now()
    finished.push(token.then(() => waits.push(performance.now() - clicked)))
    expect((await ada.approve()).heading).toBe('You are signed in on your device')
  }
  await Promise.all(finished)
  const answers = await Promise.all(waiting.map((each) => each.finished))
  expect(answers.map(({ status, text }) => (status === 200 ? status : text))).toEqual(answers.map(() => 200))
  const seen: Record<string, number> = {}
  for (const answer of waiting.flatMap(({ saw }) => saw)) seen[answer] = (seen[answer] ?? 0) + 1
  waits.sort((one, other) => one - other)
  const [median, longest] = [waits[waits.length >> 1], waits.at(-1)].map((each) => Math.round(each ?? 0))
  report(name, { devices: waiting.length, saw: seen, clickToTokenMs: { median, longest } })
  return seen
}

const only = (seen: Readonly<Record<string, number>>, allowed: readonly string[]) =>
  expect(Object.keys(seen).filter((answer) => !allowed.includes(answer))).toEqual([])

test('nothing goes: each device is answered by the decision, wherever that is made', async () => {
  const seen = await approveAll('devices wait', await startAll())
  only(seen, ['authorization_pending'])
}, 120_000)

verifies(
  'X1',
  'a replica that is killed costs its devices one answer, and no login',
  async () => {
    const waiting = await startAll()
    await cluster.auth.replicas[0]?.kill()
    const seen = await approveAll('devices wait, a replica is killed', waiting)
    // what the dead one held cannot be told from what a living one holds, until the hold would have been over
    only(seen, ['authorization_pending', 'no answer', '502', 'slow_down'])
    expect(seen.slow_down ?? 0).toBeLessThanOrEqual(deviceCount)
  },
  120_000,
)

verifies(
  'X13',
  'a replica that ends answers its devices first: pending, and nothing else',
  async () => {
    const waiting = await startAll()
    using _ = cluster.auth.door.checkReadiness(1_000)
    const code = cluster.auth.replicas[0]?.stop()
    const seen = await approveAll('devices wait, a replica ends', waiting)
    only(seen, ['authorization_pending'])
    expect(await code).toBe(0)
  },
  120_000,
)

verifies(
  'X1',
  'Redis that is away for three seconds costs no login, and its devices at most a 503 with Retry-After',
  async () => {
    const waiting = await startAll()
    await cluster.redis.kill()
    await wait(3_000)
    await cluster.redis.start()
    await cluster.untilReady()
    const seen = await approveAll('devices wait, Redis is away for 3 s', waiting)
    only(seen, ['authorization_pending', 'temporarily_unavailable'])
  },
  120_000,
)

verifies(
  'X1',
  'Redis that hangs for eight seconds is a 503 with Retry-After at the end of each hold',
  async () => {
    const waiting = await startAll()
    await cluster.redis.hang()
    await wait(8_000)
    await cluster.redis.resume()
    await cluster.untilReady()
    const seen = await approveAll('devices wait, Redis hangs for 8 s', waiting)
    only(seen, ['authorization_pending', 'temporarily_unavailable', 'slow_down'])
    expect(seen.temporarily_unavailable).toBeGreaterThan(0)
  },
  120_000,
)

test('the proxy that is started again costs each device one answer, and makes none too fast', async () => {
  const { door, replicas } = cluster.auth
  const waiting = await startAll()
  const port = Number(new URL(cluster.issuer).port)
  await door[Symbol.asyncDispose]()
  await using _ = await startSwitch(
    port,
    replicas.map(({ url }) => Number(new URL(url).port)),
  )
  const seen = await approveAll('devices wait, the proxy is started again', waiting)
  only(seen, ['authorization_pending', 'no answer'])
}, 120_000)
