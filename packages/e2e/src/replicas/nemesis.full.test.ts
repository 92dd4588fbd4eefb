// Many people, devices and apps at three replicas while a nemesis kills, stops and cuts. Redis loses nothing here that
// it acknowledged, so nothing at all may be given twice.
import { setTimeout as wait } from 'node:timers/promises'
import { createPerson, type Page, type Person, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster, terminal } from './cluster.ts'
import { createHistory, isGood, type Redeemable } from './history.ts'
import { rage } from './nemesis.ts'
import { report } from './report.ts'
import { type Answer, askAsDevice, authorizationRequest, post, redeem, refresh } from './wire.ts'

/** Milliseconds. */
const lasts = 30_000
/** Milliseconds before a client or a person tries again. */
const retry = 150
const tryCount = 100
/** The interval of device codes here, and a little more. */
const devicePause = 1_100
const deviceTries = 5
const workerCount = 6
const renewals = 4

let cluster: Cluster
const history = createHistory()
let startedAgain = 0

beforeAll(async () => {
  cluster = await startCluster({
    auth: 3,
    redis: { keepsData: 'always' },
    proxied: 3,
  })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

/** As a client does: what is unavailable is asked again. */
async function persist(what: string, send: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await send()
    history.note(what, answer.status, answer.json.error)
    if ((answer.status > 0 && answer.status < 500) || tries === tryCount) return answer
    await wait(retry)
  }
}

/** As a person does: a page that asks for patience, or did not come at all, is loaded again. */
async function patiently(visit: () => Promise<Page>, isRight: (page: Page) => boolean): Promise<Page> {
  for (let tries = 1; ; tries += 1) {
    // what the page in hand has no form for is tried from the beginning, too
    const page = await visit().catch(() => undefined)
    if (page) history.note('page', page.status, page.status === 400 ? page.heading : undefined)
    if (page && isRight(page)) return page
    if (tries === tryCount) throw new Error(`no end to it: ${page?.status} ${page?.text}`)
    await wait(retry)
  }
}

/** Until a device has its tokens: with another code, where an answer was lost that this browser had to have. */
async function signInOnDevice(person: Person, name: string): Promise<Redeemable> {
  for (let codes = 1; codes <= tryCount; codes += 1) {
    const device = await askAsDevice(cluster).catch(() => wait(retry, undefined))
    if (!device) continue
    const entry = history.begin('device code', name)
    let hasSaidYes = false
    await patiently(
      async () => {
        const { heading, text } = await person.enterCode(device.userCode)
        if (text.includes('ask your device for a new one')) {
          hasSaidYes = true
          return person.page
        }
        if (heading.startsWith('Sign in')) await person.logIn(name)
        hasSaidYes = true
        return person.approve()
      },
      ({ heading, text }) =>
        heading === 'You are signed in on your device' || (hasSaidYes && text.includes('a new one')),
    )
    for (let tries = 1; tries <= deviceTries; tries += 1) {
      const answer = await persist('device code', device.poll)
      entry.answers.push(answer)
      if (answer.status !== 400) break
      await wait(devicePause)
    }
    // answers get lost: a second look costs nothing
    if (entry.answers.some(isGood)) entry.answers.push(await persist('device code', device.poll))
    if (entry.answers.some(isGood)) return entry
    startedAgain += 1
  }
  throw new Error('no end to the codes')
}

/** Until an app has its tokens: an answer to a code that got lost costs a new start. */
async function signInToApp(person: Person, name: string): Promise<Redeemable> {
  for (let starts = 1; starts <= tryCount; starts += 1) {
    const request = authorizationRequest(cluster)
    const { leftTo } = await patiently(
      async () => {
        const { heading } = await person.open(request.url)
        if (heading.startsWith('Sign in')) await person.logIn(name)
        return person.approve()
      },
      (page) => page.leftTo?.searchParams.has('code') ?? false,
    )
    const entry = history.begin('code', name)
    entry.answers.push(...(await Promise.all([redeem(cluster, request, leftTo), redeem(cluster, request, leftTo)])))
    for (const { status, json } of entry.answers) history.note('code', status, json.error)
    if (entry.answers.some(isGood)) return entry
    startedAgain += 1
  }
  throw new Error('no end to the codes')
}

/** Renews, every other time twice at once, and signs out in the end. */
async function live({ answers, person }: Redeemable): Promise<void> {
  let token = answers.find(isGood)?.json.refresh_token
  for (let count = 0; count < renewals && token; count += 1) {
    const current = token
    const entry = history.begin('refresh token', person)
    const renew = () => persist('refresh token', () => refresh(cluster, current))
    entry.answers.push(...(await Promise.all(count % 2 === 0 ? [renew()] : [renew(), renew()])))
    token = entry.answers.find(isGood)?.json.refresh_token
  }
  if (!token) return
  const fields = { client_id: terminal.client_id, token }
  const { status } = await persist('revocation', () => post(`${cluster.issuer}/revoke`, fields))
  if (status !== 200) return
  const entry = history.begin('refresh token', person)
  entry.afterRevocation.push(await persist('after the revocation', () => refresh(cluster, token)))
}

verifies(
  ['X4', 'X11', 'X12', 'T11', 'D10', 'F2'],
  'half a minute of faults: nothing is given twice, to nobody else, and nothing that was revoked lives',
  async () => {
    const ends = performance.now() + lasts
    const isOver = () => performance.now() > ends
    let signIns = 0
    const workers = Array.from({ length: workerCount }, async (_, worker) => {
      for (let round = 0; !isOver(); round += 1) {
        const name = `person-${worker}-${round % 3}`
        const person = createPerson(cluster)
        await live(await (round % 2 === 0 ? signInOnDevice : signInToApp)(person, name))
        signIns += 1
      }
    })
    const [faults] = await Promise.all([rage(cluster, isOver), ...workers])
    await cluster.untilReady()

    const verdict = history.judge()
    report('half a minute of faults', {
      faults: faults.length,
      signIns,
      startedAgain,
      redeemed: history.redeemed(),
      ...Object.fromEntries(Object.entries(verdict).map(([what, cases]) => [what, cases.length])),
      answers: history.answers(),
    })
    expect(verdict).toEqual({
      givenTwice: [],
      wrongPerson: [],
      alivePastRevocation: [],
      familiesLost: [],
      serverErrors: [],
    })
    expect(signIns).toBeGreaterThan(workerCount)
    expect(faults.length).toBeGreaterThan(workerCount)
  },
)
