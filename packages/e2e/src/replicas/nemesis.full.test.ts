// Many people, devices and apps at three replicas, and a nemesis that kills, stops and cuts: what they were answered is
// written down, and then judged. Redis loses nothing here that it acknowledged, so nothing at all may be given twice.
import { setTimeout as wait } from 'node:timers/promises'
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { type Cluster, startCluster, terminal } from './cluster.ts'
import { createPerson, type Page, type Person } from './person.ts'
import { type RedisProxy, startRedisProxy } from './redis-proxy.ts'
import { report } from './report.ts'
import { type Answer, ask, askAsDevice, authorizationRequest, type Device, post, redeem, refresh } from './wire.ts'

/** Milliseconds. */
const LASTS = 60_000
const QUIET = { least: 500, most: 1_500 }
const RETRY = 150
/** The interval of the device codes here, and a little more. */
const DEVICE_PAUSE = 1_100
const TRIES = 100
const WORKERS = 6

let cluster: Cluster
const proxies: RedisProxy[] = []

beforeAll(async () => {
  cluster = await startCluster({
    auth: 3,
    redis: { keepsData: 'always' },
    redisUrls: async (url) => {
      const proxy = await startRedisProxy(url)
      proxies.push(proxy)
      return proxy.url
    },
  })
}, 120_000)
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()))
})

/** One thing that could be redeemed: everything that it was answered with, and whom it was for. */
interface Redeemable {
  readonly kind: 'code' | 'device code' | 'refresh token'
  readonly person: string
  readonly answers: Answer[]
  /** When its revocation was acknowledged; answers after that are in `afterwards`. */
  revoked?: true
  readonly afterwards: Answer[]
}

const history: Redeemable[] = []
const faults: string[] = []
const statuses = new Map<string, number>()

function note(kind: string, { status, json }: Pick<Answer, 'status' | 'json'>): void {
  const name = `${kind}: ${status}${json.error ? ` ${json.error}` : ''}`
  statuses.set(name, (statuses.get(name) ?? 0) + 1)
}

/** As a client does: what is unavailable is asked again. */
async function persist(
  kind: string,
  send: () => Promise<Answer>,
  {
    isDone = () => true,
    pause = RETRY,
  }: { readonly isDone?: (answer: Answer) => boolean; readonly pause?: number } = {},
): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await send()
    note(kind, answer)
    if ((answer.status > 0 && answer.status < 500 && isDone(answer)) || tries === TRIES) return answer
    await wait(pause)
  }
}

/** As a person does: a page that asks for patience is loaded again. */
async function patiently(visit: () => Promise<Page>, isRight: (page: Page) => boolean): Promise<Page> {
  const seen: string[] = []
  for (let tries = 1; ; tries += 1) {
    const page = await visit().catch((error: unknown) => void seen.push(String(error)))
    if (page)
      note('page', { status: page.status, json: { error: page.status === 400 ? page.text.slice(0, 120) : undefined } })
    if (page && isRight(page)) return page
    if (tries === TRIES) {
      for (const { url } of cluster.auth.replicas) seen.push(`${url} ${(await ask(`${url}/readyz`)).text}`)
      seen.push(faults.slice(-4).join(', '), `now ${performance.now()}`)
    }
    if (tries === TRIES) throw new Error(`not at the right page: ${page?.text ?? seen.slice(-8).join('; ')}`)
    await wait(RETRY)
  }
}

async function signInOnDevice(person: Person, name: string): Promise<Redeemable & { readonly device: Device }> {
  let device: Device | undefined
  while (!device) device = await askAsDevice(cluster).catch(() => wait(RETRY, undefined))
  const { userCode, poll } = device
  const entry: Redeemable & { device: Device } = {
    kind: 'device code',
    person: name,
    answers: [],
    afterwards: [],
    device,
  }
  history.push(entry)
  let hasSaidYes = false
  await patiently(
    async () => {
      const { status, heading } = await person.enterCode(userCode)
      // the answer to "Approve" got lost: the code is not there to be entered any more
      if (status === 400 && hasSaidYes) return person.page
      if (heading.startsWith('Sign in')) await person.logIn(name)
      hasSaidYes = true
      return person.approve()
    },
    ({ heading, status }) => heading === 'You are signed in on your device' || (status === 400 && hasSaidYes),
  )
  const isDone = ({ json }: Answer) => !['authorization_pending', 'slow_down'].includes(json.error ?? '')
  // twice: answers get lost, and a second look costs nothing
  for (let look = 0; look < 2; look += 1)
    entry.answers.push(await persist('device code', poll, { isDone, pause: DEVICE_PAUSE }))
  return entry
}

async function signInToApp(person: Person, name: string): Promise<Redeemable> {
  const entry: Redeemable = { kind: 'code', person: name, answers: [], afterwards: [] }
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const request = authorizationRequest(cluster)
    const { leftTo } = await patiently(
      async () => {
        await person.open(request.url)
        if (person.page.heading.startsWith('Sign in')) await person.logIn(name)
        return person.page.leftTo ? person.page : person.approve()
      },
      (page) => page.leftTo?.searchParams.has('code') ?? false,
    )
    const attempt: Redeemable = { kind: 'code', person: name, answers: [], afterwards: [] }
    history.push(attempt)
    const pair = await Promise.all([redeem(cluster, request, leftTo), redeem(cluster, request, leftTo)])
    for (const answer of pair) note('code', answer)
    attempt.answers.push(...pair)
    const good = pair.find(({ status }) => status === 200)
    // an answer that got lost costs a new start, and no sign-in
    if (good) return attempt
  }
  return entry
}

/** Renews, two at a time now and then, and ends with a revocation. */
async function live(start: Redeemable, renewals: number): Promise<void> {
  let token = start.answers.find(({ status }) => status === 200)?.json.refresh_token
  for (let count = 0; token && count < renewals; count += 1) {
    const current = token
    const entry: Redeemable = { kind: 'refresh token', person: start.person, answers: [], afterwards: [] }
    history.push(entry)
    const renew = () => persist('refresh token', () => refresh(cluster, current))
    entry.answers.push(...(await Promise.all(count % 2 === 0 ? [renew()] : [renew(), renew()])))
    token = entry.answers.find(({ status }) => status === 200)?.json.refresh_token
  }
  if (!token) return
  const last: Redeemable = { kind: 'refresh token', person: start.person, answers: [], afterwards: [] }
  history.push(last)
  const { status } = await persist('revocation', () =>
    post(`${cluster.issuer}/revoke`, { client_id: terminal.client_id, token }),
  )
  if (status !== 200) return
  last.revoked = true
  last.afterwards.push(await persist('after the revocation', () => refresh(cluster, token)))
}

async function rage(isOver: () => boolean): Promise<void> {
  const { redis, auth } = cluster
  const someone = () => auth.replicas[Math.floor(Math.random() * auth.replicas.length)]
  const deeds: Readonly<Record<string, () => Promise<void>>> = {
    'a replica is killed': async () => {
      const victim = someone()
      await victim?.kill()
      await wait(300)
      await victim?.start({ untilReady: false })
    },
    'Redis is killed': async () => {
      await redis.kill()
      await wait(500)
      await redis.start()
    },
    'Redis hangs': async () => {
      redis.hang()
      await wait(1_500)
      redis.resume()
    },
    'connections break': async () => {
      for (const proxy of proxies) proxy.cut()
    },
    'Redis is slow': async () => {
      for (const proxy of proxies) proxy.delay = 100
      await wait(1_000)
      for (const proxy of proxies) proxy.delay = 0
    },
  }
  const names = Object.keys(deeds)
  for (let turn = 0; !isOver(); turn += 1) {
    await wait(QUIET.least + Math.random() * (QUIET.most - QUIET.least))
    const name = names[turn % names.length] as string
    await deeds[name]?.()
    faults.push(`${Math.round(performance.now())} ${name}`)
  }
}

verifies(
  ['X4', 'X11', 'X12', 'T11', 'D10', 'F2'],
  'a minute of faults: nothing is given twice, to nobody else, and nothing that was revoked lives',
  async () => {
    const ends = performance.now() + LASTS
    const isOver = () => performance.now() > ends
    let completed = 0
    const workers = Array.from({ length: WORKERS }, async (_, worker) => {
      for (let round = 0; !isOver(); round += 1) {
        const name = `person-${worker}-${round % 3}`
        const person = createPerson(cluster)
        const start = round % 2 === 0 ? await signInOnDevice(person, name) : await signInToApp(person, name)
        await live(start, 4)
        completed += 1
      }
    })
    await Promise.all([...workers, rage(isOver)])
    await cluster.untilReady()

    const sets = history.map(
      ({ answers }) => new Set(answers.filter(({ status }) => status === 200).map(({ text }) => text)),
    )
    const twice = history.filter((_, index) => (sets[index]?.size ?? 0) > 1)
    const good = history.flatMap(({ answers, person }) =>
      answers.filter(({ status }) => status === 200).map(({ json }) => [person, json.access_token ?? ''] as const),
    )
    const wrong = good.filter(([person, token]) => claimsOf(token).sub !== `dev:${person}`)
    const revived = history.filter(({ afterwards }) => afterwards.some(({ status }) => status === 200))
    const deadFamilies = history.filter(
      ({ kind, answers }) =>
        kind === 'refresh token' && answers.length > 0 && !answers.some(({ status }) => status === 200),
    )
    const serverErrors = [...statuses.keys()].filter((name) => /: 500/.test(name))
    report('a minute of faults', {
      faults: faults.length,
      signIns: completed,
      redeemed: history.length,
      givenTwice: twice.length,
      wrongPerson: wrong.length,
      alivePastRevocation: revived.length,
      familiesLost: deadFamilies.length,
      answers: Object.fromEntries([...statuses].sort()),
    })
    expect(twice.map(({ kind, answers }) => [kind, answers.map(({ text }) => text)])).toEqual([])
    expect(wrong).toEqual([])
    expect(revived.map(({ kind }) => kind)).toEqual([])
    expect(serverErrors).toEqual([])
    expect(deadFamilies.map(({ answers }) => answers.map(({ status, text }) => `${status} ${text}`))).toEqual([])
    expect(completed).toBeGreaterThan(WORKERS)
    expect(faults.length).toBeGreaterThan(10)
  },
)
