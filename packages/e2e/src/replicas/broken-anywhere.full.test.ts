// A replica loses Redis in the middle of a request: before its first command, before the second, … and once more with
// each command carried out and its answer lost. Wherever it was, the person and the client get on at another replica, and
// nothing is given twice.
import { createPerson, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { type Cluster, startCluster } from './cluster.ts'
import type { Fate, RedisProxy } from './redis-proxy.ts'
import { report } from './report.ts'
import { onlyHeader } from './switch.ts'
import { type Answer, approvedDevice, askAsDevice, authorizationRequest, redeem, refresh } from './wire.ts'

/** Three replicas break, each at every third command, and the fourth is where people and clients go on. */
const victims = [0, 1, 2]
const other = 3
const commandsAtMost = 60
const tryCount = 3

interface Break {
  /** Sends what is to break. */
  readonly breaking: <T>(send: () => Promise<T>) => Promise<T>
  /** Headers that lead a request to the replica that breaks, while it does, and to the fourth else. */
  readonly way: () => Readonly<Record<string, string>>
}

let cluster: Cluster
let approvals = 0

beforeAll(async () => {
  cluster = await startCluster({
    auth: victims.length + 1,
    proxied: victims.length,
  })
  cluster.auth.door.use(other)
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

/** Does something that breaks at its first, second, … command, until none is left to break at. */
async function breakEverywhere(name: string, fate: Exclude<Fate, 'pass'>, run: (each: Break) => Promise<void>) {
  const commands = victims.map(async (victim) => {
    for (let at = 1 + victim; at <= commandsAtMost; at += victims.length) {
      await cluster.auth.replicas[victim]?.start()
      const seen = await breakAt(at, fate, victim, run)
      if (seen < at) return seen
    }
    throw new Error('no end to the commands')
  })
  report(`${name}, broken at each command (${fate})`, { commands: Math.max(...(await Promise.all(commands))) })
}

/** Returns the number of commands that were seen, that one included. */
async function breakAt(at: number, fate: Exclude<Fate, 'pass'>, victim: number, run: (each: Break) => Promise<void>) {
  const proxy = cluster.proxies[victim] as RedisProxy
  let seen = 0
  let isBreaking = false
  const breaking: Break['breaking'] = async (send) => {
    isBreaking = true
    proxy.judge = () => {
      seen += 1
      if (seen < at) return 'pass'
      return seen === at ? fate : 'cut'
    }
    try {
      return await send()
    } finally {
      isBreaking = false
      proxy.judge = () => 'pass'
      proxy.cut()
    }
  }
  const way = () => ({ [onlyHeader]: String(isBreaking ? victim : other) })
  await run({ breaking, way }).catch((error: unknown) => {
    throw new Error(`broken at command ${at} (${fate}): ${error}`, { cause: error })
  })
  return seen
}

/** At the other replica, as a client does that was told to come back. */
async function tryAgain(send: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await send()
    if (answer.status === 200 || tries === tryCount) return answer
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
    breakEverywhere('a renewal', fate, async ({ breaking, way }) => {
      const { json } = await (await approvedDevice(cluster)).poll()
      const broken = await breaking(() => refresh(cluster, json.refresh_token, way()))
      const again = await tryAgain(() => refresh(cluster, json.refresh_token))
      expectOneSet([broken, again])
      expect((await refresh(cluster, again.json.refresh_token)).status, 'the family lives').toBe(200)
    }),
  )

  verifies(['X4', 'X12'], `a device poll that breaks anywhere (${fate}) is answered elsewhere, once and for all`, () =>
    breakEverywhere('a device poll', fate, async ({ breaking, way }) => {
      const device = await approvedDevice(cluster)
      const broken = await breaking(() => device.poll(way()))
      const again = await tryAgain(() => device.poll())
      expectOneSet([broken, again])
      expect((await refresh(cluster, again.json.refresh_token)).status, 'the family lives').toBe(200)
    }),
  )

  verifies(['X4', 'X12'], `a code whose redemption breaks anywhere (${fate}) is good at most once more`, () =>
    breakEverywhere('a redemption of a code', fate, async ({ breaking, way }) => {
      const ada = createPerson(cluster)
      const request = authorizationRequest(cluster)
      await ada.open(request.url)
      await ada.logIn('ada')
      const { leftTo } = await ada.approve()
      const broken = await breaking(() => redeem(cluster, request, leftTo, way()))
      const again = await redeem(cluster, request, leftTo)
      expect([200, 503], broken.text).toContain(broken.status)
      expect([`200 undefined`, '400 invalid_grant'], again.text).toContain(`${again.status} ${again.json.error}`)
      expect([broken, again].filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
    }),
  )

  verifies(
    ['X4', 'X12'],
    `a sign-in that breaks anywhere (${fate}) goes on, or the page asks for a new code`,
    async () => {
      let startedAgain = 0
      await breakEverywhere('a sign-in', fate, async ({ breaking, way }) => {
        let device = await askAsDevice(cluster)
        const ada = createPerson(cluster, { headers: way })
        await ada.enterCode(device.userCode)
        await breaking(() => ada.logIn('ada'))
        await ada.enterCode(device.userCode)
        if (ada.page.text.includes('ask your device for a new one')) {
          startedAgain += 1
          device = await askAsDevice(cluster)
          await ada.enterCode(device.userCode)
        }
        if (ada.page.heading.startsWith('Sign in')) await ada.logIn('ada')
        expect((await ada.approve()).heading).toBe('You are signed in on your device')
        expect((await device.poll()).status).toBe(200)
      })
      report(`a sign-in, broken at each command (${fate}): had to start again`, { times: startedAgain })
      // there is one answer that this browser has to have, which session is its own now: broken twice at most, as a
      // command that the replica sends by itself moves all others by one
      expect(startedAgain).toBeLessThanOrEqual(fate === 'cut' ? 0 : 2)
    },
  )

  verifies(['X4', 'X7'], `a yes that breaks anywhere (${fate}) can be said again, and means the same`, () =>
    breakEverywhere('an approval', fate, async ({ breaking, way }) => {
      const device = await askAsDevice(cluster)
      const ada = createPerson(cluster, { headers: way })
      // an approval looks at all that this person approved before
      approvals += 1
      const name = `ada-${approvals}`
      await ada.enterCode(device.userCode)
      await ada.logIn(name)
      const broken = await breaking(() => ada.approve())
      expect([200, 400, 503], broken.text).toContain(broken.status)
      let answer = await device.poll()
      if (answer.status !== 200) {
        expect(answer.json.error).toBe('authorization_pending')
        await ada.enterCode(device.userCode)
        if (ada.page.heading.startsWith('Sign in')) await ada.logIn(name)
        expect((await ada.approve()).heading).toBe('You are signed in on your device')
        answer = await device.poll()
      }
      expect(answer.status, answer.text).toBe(200)
      const { sub, scope } = claimsOf(answer.json.access_token ?? '')
      expect([sub, scope]).toEqual([`dev:${name}`, 'mcp:tools:read mcp:tools:call'])
    }),
  )
}
