// Eight programs share one refresh token, and all use it at once, over two replicas on one Redis: what parallel agents do.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { secretsInLogs } from '../harness/secrets.ts'
import { type Cluster, startCluster, terminal } from '../replicas/cluster.ts'
import { onlyHeader } from '../replicas/switch.ts'
import { approvedDevice, refresh, whoami } from '../replicas/wire.ts'
import type { Order, Outcome } from './refresher.ts'

const programCount = 8
const rounds = 50
const graceSeconds = 8

let cluster: Cluster
const programs: ChildProcess[] = []
const seen = new Set<string>()

beforeAll(async () => {
  cluster = await startCluster({ auth: 2, lifetimes: { reuseGrace: graceSeconds } })
  for (let index = 0; index < programCount; index += 1) programs.push(fork(join(import.meta.dirname, 'refresher.ts')))
}, 120_000)
afterAll(async () => {
  for (const program of programs) program.kill()
  expect(secretsInLogs(cluster.logs(), { others: [...seen] })).toEqual([])
  await cluster[Symbol.asyncDispose]()
})

/** All programs at the same moment, every other one at the other replica. */
async function refreshAtOnce(refreshToken: string): Promise<readonly Outcome[]> {
  seen.add(refreshToken)
  const fields = { grant_type: 'refresh_token', client_id: terminal.client_id, refresh_token: refreshToken }
  const answers = programs.map(async (program) => (await once(program, 'message'))[0] as Outcome)
  for (const [index, program] of programs.entries()) {
    const headers = { [onlyHeader]: String(index % 2) }
    program.send({ tokenEndpoint: `${cluster.issuer}/token`, fields, headers } satisfies Order)
  }
  return Promise.all(answers)
}

async function signIn(): Promise<string> {
  const { json } = await (await approvedDevice(cluster)).poll()
  return json.refresh_token ?? ''
}

verifies(
  ['F2', 'F3'],
  'fifty rounds of eight at once: one answer a round, nobody is logged out, no second branch',
  async () => {
    let token = await signIn()
    let slowest = 0
    for (let round = 1; round <= rounds; round += 1) {
      const began = performance.now()
      const outcomes = await refreshAtOnce(token)
      slowest = Math.max(slowest, performance.now() - began)
      expect([round, ...outcomes.map(({ status }) => status)]).toEqual([round, ...Array(programCount).fill(200)])
      const bodies = new Set(outcomes.map(({ body }) => body))
      expect([round, bodies.size], [...bodies].join('\n')).toEqual([round, 1])
      const answer = JSON.parse([...bodies][0] ?? '') as { access_token: string; refresh_token: string }
      expect(answer.refresh_token, 'it rotates').not.toBe(token)
      expect(seen.has(answer.refresh_token), 'never one that was there before').toBe(false)
      // the answer of every program works at the MCP server
      if (round % 10 === 0) expect((await whoami(cluster, answer.access_token)).status).toBe(200)
      seen.add(answer.access_token)
      token = answer.refresh_token
    }
    expect(seen.size).toBe(2 * rounds)
    expect(slowest).toBeLessThan(graceSeconds * 1000)
  },
)

verifies(
  'F3',
  'a program that lost its answer gets the same one again, from the other replica, for as long as the grace',
  async () => {
    const token = await signIn()
    const first = await refresh(cluster, token, { [onlyHeader]: '0' })
    const again = await refresh(cluster, token, { [onlyHeader]: '1' })
    expect([first.status, again.text]).toEqual([200, first.text])
    expect((await refresh(cluster, first.json.refresh_token)).status).toBe(200)
  },
)

verifies('F1', "a thief's replay after the grace is refused at either replica, and ends the family", async () => {
  const stolen = await signIn()
  const [mine] = await refreshAtOnce(stolen)
  const { refresh_token: live = '' } = JSON.parse(mine?.body ?? '{}') as { refresh_token?: string }
  const bystander = await signIn()
  await wait((graceSeconds + 1) * 1000)
  for (const replica of ['1', '0']) {
    const replay = await refresh(cluster, stolen, { [onlyHeader]: replica })
    expect([replica, replay.status, replay.json.error]).toEqual([replica, 400, 'invalid_grant'])
  }
  const outcomes = await refreshAtOnce(live)
  expect(outcomes.map(({ status, body }) => [status, (JSON.parse(body) as { error?: string }).error])).toEqual(
    Array(programCount).fill([400, 'invalid_grant']),
  )
  expect((await refresh(cluster, bystander)).status, 'nobody else is touched').toBe(200)
})
