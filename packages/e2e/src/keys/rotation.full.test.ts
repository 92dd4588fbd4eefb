// Keys take turns, by the clock and by hand, while callers use tokens of old and new ones at every replica: none is refused.
import { setTimeout as wait } from 'node:timers/promises'
import { until, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { type Cluster, startCluster } from '../replicas/cluster.ts'
import { report } from '../replicas/report.ts'
import { onlyHeader } from '../replicas/switch.ts'
import { machineToken, whoami } from '../replicas/wire.ts'
import { createOperator, kidOf, publishedAt } from './operator.ts'

/** A key is public for 15 seconds before it signs, signs for 20, and is dropped 90 seconds after that. */
const lifetimes = { keySet: 5, signingKey: 20, accessToken: 30 }
const ahead = 15_000
const retiredWithin = 200_000
/** Milliseconds between two requests of one caller. */
const pace = 60
/** Seconds before its end from which on a token is not used any more. */
const spare = 2

interface Token {
  readonly text: string
  readonly kid: string
  /** Seconds since the epoch. */
  readonly expires: number
}

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ auth: 2, mcp: 2, lifetimes })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

verifies(
  'X19',
  'keys take turns under load, and every token is good at every replica until it expires',
  async () => {
    const operator = createOperator(cluster, lifetimes)
    const started = performance.now()
    let tokens: readonly Token[] = []
    const signed: string[] = []
    const firstSeen = new Map<string, number>()
    const firstSigned = new Map<string, number>()
    const calls: { replica: number; kid: string; status: number; signing: string; text: string }[] = []
    const failures: string[] = []
    let isOver = false
    const repeat = async (run: () => Promise<void>) => {
      while (!isOver) {
        await run()
        await wait(pace)
      }
    }

    const issue = async () => {
      const { status, text, json } = await machineToken(cluster)
      if (status !== 200) return void failures.push(`${status} ${text}`)
      const token = {
        text: json.access_token ?? '',
        kid: kidOf(json.access_token),
        expires: expiryOf(json.access_token),
      }
      if (!firstSigned.has(token.kid)) {
        signed.push(token.kid)
        firstSigned.set(token.kid, performance.now())
      }
      tokens = [...tokens, token].filter(({ expires }) => expires > Date.now() / 1000 + spare)
    }
    /** The newest and the oldest token that are good, and one in between, at one replica. */
    const call = (replica: number) => async () => {
      const chosen = [tokens.at(-1), tokens[0], tokens[Math.floor(Math.random() * tokens.length)]]
      for (const token of chosen.filter((each) => each !== undefined)) {
        const { status, text } = await whoami(cluster, token.text, { [onlyHeader]: String(replica) })
        calls.push({ replica, kid: token.kid, status, signing: signed.at(-1) ?? '', text })
      }
    }
    /** When a key was first seen at every replica. */
    const watch = async () => {
      const [here = [], there = []] = await Promise.all(cluster.auth.replicas.map(({ url }) => publishedAt(url)))
      for (const kid of here.filter((each) => there.includes(each) && !firstSeen.has(each)))
        firstSeen.set(kid, performance.now())
    }
    const workers = [issue, call(0), call(1), call(0), call(1), watch].map(repeat)
    await until(() => tokens.length > 0, 30_000)
    const [first = ''] = signed

    await wait(ahead + 5_000)
    expect(await operator.run('rotate')).toContain('signs ES256: on every replica within seconds')
    await until(() => signed.length > 1, 60_000)
    const isRetired = async () => {
      const all = await Promise.all(cluster.auth.replicas.map(({ url }) => publishedAt(url)))
      return all.every((kids) => kids.length > 0 && !kids.includes(first))
    }
    await until(isRetired, retiredWithin)
    isOver = true
    await Promise.all(workers)

    const refused = calls.filter(({ status }) => status !== 200)
    const ofOldKeys = calls.filter(({ kid, signing }) => kid !== signing)
    report('rotation under load', {
      seconds: Math.round((performance.now() - started) / 1000),
      keysThatSigned: signed.length,
      calls: calls.length,
      withTokensOfOlderKeys: ofOldKeys.length,
      refused: refused.length,
    })
    expect(failures).toEqual([])
    expect(
      refused.map(({ replica, kid, status, text }) => `${replica} ${kid} ${status} ${text.slice(0, 200)}`),
    ).toEqual([])
    expect(signed.length, 'by hand, and several times by the clock').toBeGreaterThanOrEqual(4)
    expect(new Set(signed).size, 'no key signs again after its turn').toBe(signed.length)
    for (const kid of signed.slice(1)) {
      const publicBefore = (firstSigned.get(kid) ?? 0) - (firstSeen.get(kid) ?? Number.POSITIVE_INFINITY)
      expect(publicBefore, 'at all replicas, longer than anybody may keep a copy').toBeGreaterThan(
        lifetimes.keySet * 1_000,
      )
    }
    for (const kid of signed.slice(0, -1))
      for (const replica of [0, 1])
        expect(
          ofOldKeys.some((each) => each.kid === kid && each.replica === replica),
          `${kid} at ${replica}`,
        ).toBe(true)
    expect(cluster.logs()).toContain('another signing key signs')
    expect(cluster.logs()).not.toMatch(/"d":|PRIVATE KEY/)
  },
  400_000,
)

function expiryOf(token: string | undefined): number {
  return Number(claimsOf(token ?? '').exp)
}
