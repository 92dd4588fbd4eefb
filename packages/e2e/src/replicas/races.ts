// Many redemptions of one thing at the same time, at all replicas: who wins, and whether the winner's tokens live.
import { createPerson, type Page } from '@gatehouse/testing'
import { expect } from 'vitest'
import { type Cluster, terminal } from './cluster.ts'
import { report } from './report.ts'
import { type Answer, approvedDevice, authorizationRequest, post, redeem, refresh } from './wire.ts'

const atOnce = 20

interface Round {
  /** Requests that were answered with tokens. */
  readonly answered: number
  /** Different sets of tokens among them. */
  readonly sets: number
  /** Whether what the winner got can be renewed. */
  readonly isAlive: boolean
  /** What the others were told. */
  readonly refusals: readonly string[]
}

const parallel = (send: () => Promise<Answer>) => Promise.all(Array.from({ length: atOnce }, send))

async function judge(cluster: Cluster, answers: readonly Answer[]): Promise<Round> {
  const good = answers.filter(({ status }) => status === 200)
  const tokens = new Set(good.map(({ json }) => json.refresh_token))
  const alive = await Promise.all([...tokens].map((token) => refresh(cluster, token)))
  return {
    answered: good.length,
    sets: tokens.size,
    isAlive: alive.some(({ status }) => status === 200),
    refusals: [
      ...new Set(answers.filter(({ status }) => status !== 200).map(({ status, json }) => `${status} ${json.error}`)),
    ],
  }
}

async function raceForCode(cluster: Cluster): Promise<Round> {
  const person = createPerson(cluster)
  const request = authorizationRequest(cluster)
  await person.open(request.url)
  await person.logIn('ada')
  const { leftTo } = await person.approve()
  return judge(cluster, await parallel(() => redeem(cluster, request, leftTo)))
}

async function raceForDeviceCode(cluster: Cluster): Promise<Round> {
  const device = await approvedDevice(cluster)
  return judge(cluster, await parallel(() => device.poll()))
}

async function raceForRefreshToken(cluster: Cluster): Promise<Round> {
  const { json } = await (await approvedDevice(cluster)).poll()
  return judge(cluster, await parallel(() => refresh(cluster, json.refresh_token)))
}

/** A refresh token is revoked while it is being renewed: once both were answered, how much of its family lives? */
async function raceWithRevocation(cluster: Cluster): Promise<number> {
  const { json } = await (await approvedDevice(cluster)).poll()
  const token = json.refresh_token ?? ''
  const revoke = () => post(`${cluster.issuer}/revoke`, { client_id: terminal.client_id, token })
  const [answers] = await Promise.all([parallel(() => refresh(cluster, token)), revoke()])
  const successors = new Set(
    answers.map(({ json: tokens }) => tokens.refresh_token).filter((each) => each !== undefined),
  )
  const alive = await Promise.all([token, ...successors].map((each) => refresh(cluster, each)))
  return alive.filter(({ status }) => status === 200).length
}

/** Both ends of each race: `rounds` times twenty requests. */
export async function raceForEverything(cluster: Cluster, rounds: number): Promise<void> {
  const races = {
    'authorization code': raceForCode,
    'device code': raceForDeviceCode,
    'refresh token': raceForRefreshToken,
  }
  for (const [name, race] of Object.entries(races)) {
    const results: Round[] = []
    for (let round = 0; round < rounds; round += 1) results.push(await race(cluster))
    report(`race for one ${name}`, {
      rounds,
      requests: atOnce,
      winners: tally(results.map(({ sets }) => sets)),
      answered: tally(results.map(({ answered }) => answered)),
      survivingBranches: results.filter(({ isAlive }) => isAlive).length,
      refusals: [...new Set(results.flatMap(({ refusals }) => refusals))],
    })
    for (const { sets, isAlive, answered, refusals } of results) {
      expect(sets, `${name}: one set of tokens`).toBe(1)
      expect(isAlive, `${name}: it lives`).toBe(true)
      if (name === 'authorization code') expect(answered).toBe(1)
      for (const refusal of refusals) expect(refusal).toBe('400 invalid_grant')
    }
  }
}

export async function raceToRevoke(cluster: Cluster, rounds: number): Promise<void> {
  let survivors = 0
  for (let round = 0; round < rounds; round += 1) survivors += await raceWithRevocation(cluster)
  report('race of a renewal with its revocation', { rounds, requests: atOnce, survivingBranches: survivors })
  expect(survivors).toBe(0)
}

/** Eight times "Approve" and eight times "Refuse" on one form, at all replicas: what counts, and how many apps are connected. */
export async function raceToDecide(cluster: Cluster, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const person = createPerson(cluster)
    await person.open(authorizationRequest(cluster).url)
    await person.logIn('ada')
    const ada = new Set(grantsOn((await other(cluster)).html))
    const press = (index: number) => person.submit('/decision', { decision: index % 2 === 0 ? 'approve' : 'refuse' })
    const pages = await Promise.all(Array.from({ length: 16 }, (_, index) => press(index)))
    const answers = pages.flatMap(({ leftTo }) => (leftTo ? [leftTo.searchParams.has('code')] : []))
    expect(new Set(answers).size, 'one decision').toBe(1)
    const added = grantsOn((await other(cluster)).html).filter((grant) => !ada.has(grant))
    expect(added, 'one app, or none').toHaveLength(answers[0] ? 1 : 0)
  }
}

/** The page of connected apps in a browser of its own. */
async function other(cluster: Cluster): Promise<Page> {
  const person = createPerson(cluster)
  await person.open(`${cluster.issuer}/apps`)
  return person.logIn('ada')
}

const grantsOn = (html: string) => [...html.matchAll(/name="grant" value="([^"]+)"/g)].map(([, grant]) => grant)

/** How often each number came up. */
function tally(numbers: readonly number[]): Readonly<Record<number, number>> {
  const counts: Record<number, number> = {}
  for (const number of numbers) counts[number] = (counts[number] ?? 0) + 1
  return counts
}
