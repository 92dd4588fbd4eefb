// A replica loses Redis in the middle of a request: before its first command, before the second, … and once more with
// each command carried out and its answer lost. Wherever it was, the person and the client get on at another replica, and
// nothing is given twice.
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { createPerson } from './person.ts'
import { type Fate, type RedisProxy, startRedisProxy } from './redis-proxy.ts'
import { report } from './report.ts'
import { ONLY } from './switch.ts'
import { type Answer, approvedDevice, askAsDevice, authorizationRequest, redeem, refresh } from './wire.ts'

const first = { [ONLY]: '0' }
const other = { [ONLY]: '1' }
const COMMANDS_AT_MOST = 60
const TRIES = 3

let proxy: RedisProxy
let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({
    redisUrls: async (url, replica) => {
      if (replica > 0) return url
      proxy = await startRedisProxy(url)
      return proxy.url
    },
  })
}, 120_000)
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
})

/**
 * Does something with the first replica that breaks at its first, second, … command, until there is none left to break
 * at. `run` is given how to send what is to break.
 */
async function breakEverywhere(
  name: string,
  fate: Exclude<Fate, 'pass'>,
  run: (breaking: <T>(send: () => Promise<T>) => Promise<T>) => Promise<void>,
): Promise<void> {
  for (let at = 1; at <= COMMANDS_AT_MOST; at += 1) {
    let seen = 0
    await cluster.untilReady()
    await run(async (send) => {
      proxy.judge = () => {
        seen += 1
        if (seen < at) return 'pass'
        return seen === at ? fate : 'cut'
      }
      try {
        return await send()
      } finally {
        proxy.judge = () => 'pass'
        proxy.cut()
      }
    }).catch((error: unknown) => {
      throw new Error(`broken at command ${at} (${fate}): ${error}`, { cause: error })
    })
    if (seen < at) return report(`${name}, broken at each command (${fate})`, { commands: at - 1 })
  }
  throw new Error('no end to the commands')
}

/** At the other replica, as a client does that was told to come back. */
async function tryAgain(send: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await send()
    if (answer.status === 200 || tries === TRIES) return answer
  }
}

function expectOneSet(answers: readonly Answer[]): void {
  for (const { status, text } of answers) expect([200, 503], text).toContain(status)
  expect(answers.at(-1)?.status, answers.at(-1)?.text).toBe(200)
  const sets = new Set(answers.filter(({ status }) => status === 200).map(({ json }) => json.refresh_token))
  expect(sets.size).toBe(1)
}

for (const fate of ['cut', 'lose'] as const) {
  verifies(['X4', 'X12'], `a renewal that breaks anywhere (${fate}) is answered elsewhere, once and for all`, () =>
    breakEverywhere('a renewal', fate, async (breaking) => {
      const { json } = await (await approvedDevice(cluster)).poll()
      const broken = await breaking(() => refresh(cluster, json.refresh_token, first))
      const again = await tryAgain(() => refresh(cluster, json.refresh_token, other))
      expectOneSet([broken, again])
      expect((await refresh(cluster, again.json.refresh_token, other)).status, 'the family lives').toBe(200)
    }),
  )

  verifies(['X4', 'X12'], `a device poll that breaks anywhere (${fate}) is answered elsewhere, once and for all`, () =>
    breakEverywhere('a device poll', fate, async (breaking) => {
      const device = await approvedDevice(cluster)
      const broken = await breaking(() => device.poll(first))
      const again = await tryAgain(() => device.poll(other))
      expectOneSet([broken, again])
      expect((await refresh(cluster, again.json.refresh_token, other)).status, 'the family lives').toBe(200)
    }),
  )

  verifies(['X4', 'X12'], `a code whose redemption breaks anywhere (${fate}) is good at most once more`, () =>
    breakEverywhere('a redemption of a code', fate, async (breaking) => {
      const ada = createPerson(cluster)
      const request = authorizationRequest(cluster)
      await ada.open(request.url)
      await ada.logIn('ada')
      const { leftTo } = await ada.approve()
      const broken = await breaking(() => redeem(cluster, request, leftTo, first))
      const again = await redeem(cluster, request, leftTo, other)
      expect([200, 503], broken.text).toContain(broken.status)
      expect([`200 undefined`, '400 invalid_grant'], again.text).toContain(`${again.status} ${again.json.error}`)
      expect([broken, again].filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
    }),
  )

  verifies(['X4', 'X7'], `a yes that breaks anywhere (${fate}) can be said again, and means the same`, () =>
    breakEverywhere('an approval', fate, async (breaking) => {
      const { door } = cluster.auth
      const device = await askAsDevice(cluster)
      const ada = createPerson(cluster)
      await ada.enterCode(device.userCode)
      await ada.logIn('ada')
      door.use(0)
      const broken = await breaking(() => ada.approve()).finally(() => door.use(1))
      expect([200, 400, 503], broken.text).toContain(broken.status)
      let answer = await device.poll()
      if (answer.status !== 200) {
        expect(answer.json.error).toBe('authorization_pending')
        await ada.enterCode(device.userCode)
        if (ada.page.heading.startsWith('Sign in')) await ada.logIn('ada')
        expect((await ada.approve()).heading).toBe('You are signed in on your device')
        answer = await device.poll()
      }
      door.use()
      expect(answer.status, answer.text).toBe(200)
      const { sub, scope } = claimsOf(answer.json.access_token ?? '')
      expect([sub, scope]).toEqual(['dev:ada', 'mcp:tools:read mcp:tools:call'])
    }),
  )
}
