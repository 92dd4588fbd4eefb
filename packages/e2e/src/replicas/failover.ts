// Another Redis becomes the master while tokens are renewed and codes are redeemed, each twice at once.
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { createPerson, until } from '@gatehouse/testing'
import { expect } from 'vitest'
import type { Cluster } from './cluster.ts'
import { createHistory, type History, isGood } from './history.ts'
import { report } from './report.ts'
import { type Node, passwords, type SentinelSetup } from './sentinels.ts'
import { type Answer, approvedDevice, authorizationRequest, redeem, refresh } from './wire.ts'

const familyCount = 6
const peopleWithApps = 2
/** Milliseconds before and after the fault during which everybody works. */
const calm = 1_500
const retry = 50
const atOnce = 10
const givesUpAfter = 20_000
const newMasterWithin = 20_000

interface Fault {
  readonly name: string
  readonly begin: (master: Node) => Promise<void> | void
  readonly end: (old: Node, masterPort: number) => Promise<void> | void
  /** Milliseconds that it lasts after there is a new master. */
  readonly lasts: number
  /** Milliseconds without a renewed token at most, as promised; tests allow three times as much. */
  readonly outage: number
}

interface Fate {
  readonly acknowledged: number
  /** The new master knows nothing of them. */
  readonly lost: number
}

interface Written {
  readonly key: string
  readonly at: number
}

interface Presented {
  readonly again: () => Promise<Answer>
  readonly answers: Answer[]
}

interface Outcome {
  readonly outageMs: number
  readonly newMasterAfterMs: number
  /** Written past the services to the old master, which said OK: before the fault and during it. */
  readonly rawWritesBefore: Fate
  readonly rawWritesDuring: Fate
  readonly renewals: number
  readonly presentedAgain: number
  readonly givenTwice: number
  readonly familiesLost: number
  readonly uncopiedWarnings: number
}

export async function goThroughFailover(cluster: Cluster, sentinels: SentinelSetup, fault: Fault): Promise<void> {
  const history = createHistory()
  const presented: Presented[] = []
  const renewedAt: number[] = []
  const warnings = countOf(cluster, 'no replica of Redis')
  const { master, replica } = await sentinels.roles()
  let isOver = false
  const isStillOn = () => !isOver

  const families = Array.from({ length: familyCount }, (_, index) =>
    renewAllTheTime(cluster, `family-${index}`, history, presented, renewedAt, isStillOn),
  )
  const people = Array.from({ length: peopleWithApps }, (_, index) =>
    redeemAllTheTime(cluster, `app-${index}`, history, presented, isStillOn),
  )
  await until(() => renewedAt.length > familyCount, givesUpAfter)
  await wait(calm)
  let isWriting = true
  const raw = writeAllTheTime(master, () => isWriting)
  await wait(calm)
  const began = performance.now()
  await fault.begin(master)
  const isElected = async () => (await sentinels.roles().catch(() => ({ master }))).master === replica
  await until(isElected, newMasterWithin)
  const elected = Math.round(performance.now() - began)
  await wait(fault.lasts)
  isWriting = false
  const acknowledged = await raw
  await fault.end(master, replica.link.port)
  await wait(calm)
  isOver = true
  await Promise.all([...families, ...people])
  await sentinels.untilSettled()
  await presentAgain(presented)
  const verdict = history.judge()
  const outcome: Outcome = {
    outageMs: longestGap(renewedAt, began),
    newMasterAfterMs: elected,
    rawWritesBefore: await countLost(replica, acknowledged, ({ at }) => at < began),
    rawWritesDuring: await countLost(replica, acknowledged, ({ at }) => at >= began),
    renewals: renewedAt.length,
    presentedAgain: presented.length,
    givenTwice: verdict.givenTwice.length,
    familiesLost: verdict.familiesLost.length,
    uncopiedWarnings: countOf(cluster, 'no replica of Redis') - warnings,
  }
  report(`Sentinel failover, master ${fault.name}`, { ...outcome, answers: history.answers() })
  expect(verdict, JSON.stringify(history.answers())).toMatchObject({
    wrongPerson: [],
    familiesLost: [],
    serverErrors: [],
  })
  expect(outcome.outageMs).toBeLessThan(3 * fault.outage)
  expect(
    renewedAt.some((at) => at > began + elected),
    'tokens are renewed by the new master',
  ).toBe(true)
  expect(verdict.givenTwice, 'nothing is given twice').toEqual([])
  for (const service of [...cluster.auth.replicas, ...cluster.mcp.replicas]) {
    expect(service.process().hasExited(), 'nobody had to restart').toBe(false)
    expect(service.logs()).not.toMatch(/unhandled|uncaught|"level":60|NOPERM/i)
    for (const password of Object.values(passwords)) expect(service.logs()).not.toContain(password)
  }
}

async function renewAllTheTime(
  cluster: Cluster,
  name: string,
  history: History,
  presented: Presented[],
  renewedAt: number[],
  isStillOn: () => boolean,
): Promise<void> {
  while (isStillOn()) {
    const first = await approvedDevice(cluster, createPerson(cluster), name)
      .then((device) => device.poll())
      .catch(() => undefined)
    let token = first && isGood(first) ? first.json.refresh_token : undefined
    if (!token) await wait(retry)
    while (token && isStillOn()) {
      const current: string = token
      const { answers } = history.begin('refresh token', name)
      const renew = () => refresh(cluster, current)
      presented.push({ again: renew, answers })
      const both = await Promise.all([persist(history, renew), persist(history, renew)])
      answers.push(...both)
      token = both.find(isGood)?.json.refresh_token
      if (token) renewedAt.push(performance.now())
    }
  }
}

async function redeemAllTheTime(
  cluster: Cluster,
  name: string,
  history: History,
  presented: Presented[],
  isStillOn: () => boolean,
): Promise<void> {
  while (isStillOn()) {
    const person = createPerson(cluster)
    const request = authorizationRequest(cluster)
    const signIn = async () => {
      await person.open(request.url)
      await person.logIn(name)
      return (await person.approve()).leftTo
    }
    const leftTo = await signIn().catch(() => undefined)
    if (!leftTo?.searchParams.has('code')) {
      await wait(retry)
      continue
    }
    const { answers } = history.begin('code', name)
    const use = () => redeem(cluster, request, leftTo)
    presented.push({ again: use, answers })
    answers.push(...(await Promise.all([persist(history, use), persist(history, use)])))
  }
}

/** As a client does: what is unavailable is asked again. */
async function persist(history: History, send: () => Promise<Answer>): Promise<Answer> {
  const started = performance.now()
  for (;;) {
    const answer = await send()
    history.note('token', answer.status, answer.json.error)
    const isFinal = answer.status > 0 && answer.status < 500
    if (isFinal || performance.now() - started > givesUpAfter) return answer
    await wait(retry)
  }
}

/** Past the services, to the one that was the master. Returns what it acknowledged. */
async function writeAllTheTime({ redis }: Node, isStillOn: () => boolean): Promise<Written[]> {
  const acknowledged: Written[] = []
  while (isStillOn()) {
    const key = `raw:${randomUUID()}`
    const write = redis.command('SET', key, 'written').catch(() => undefined)
    const answer = await Promise.race([write, wait(200, undefined)])
    if (answer === 'OK') acknowledged.push({ key, at: performance.now() })
    else await wait(5)
  }
  return acknowledged
}

async function countLost(
  { redis }: Node,
  acknowledged: readonly Written[],
  isMeant: (written: Written) => boolean,
): Promise<Fate> {
  const keys = acknowledged.filter(isMeant).map(({ key }) => key)
  const there = keys.length === 0 ? 0 : await redis.command('EXISTS', ...keys)
  return { acknowledged: keys.length, lost: keys.length - Number(there) }
}

/** All that was redeemed, once more. */
async function presentAgain(presented: readonly Presented[]): Promise<void> {
  const left = [...presented]
  const present = async () => {
    for (let entry = left.shift(); entry; entry = left.shift()) entry.answers.push(await entry.again())
  }
  await Promise.all(Array.from({ length: atOnce }, present))
}

/** Milliseconds between two renewals, from the one before `began` on. */
function longestGap(times: readonly number[], began: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  const gaps = sorted.map((at, index) => (at > began ? at - (sorted[index - 1] ?? began) : 0))
  return Math.round(Math.max(...gaps))
}

function countOf(cluster: Cluster, text: string): number {
  return cluster.logs().split(text).length - 1
}
