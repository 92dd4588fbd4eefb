// A new release, replica by replica, while requests come in: nobody notices.
import { setTimeout as wait } from 'node:timers/promises'
import { createPerson, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster, terminal } from './cluster.ts'
import { report } from './report.ts'
import { type Answer, approvedDevice, ask, authorizationRequest, machineToken, post, refresh } from './wire.ts'

/** Milliseconds between two looks at /readyz, as deploy/haproxy.cfg has it. */
const checkEvery = 1_000
/** Milliseconds between two requests of one kind. */
const pace = 40

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ lifetimes: { refreshToken: 3_600 } })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

verifies('X13', 'a rolling restart under load fails no request, and each replica ends by itself', async () => {
  const { issuer, resource } = cluster
  const { json } = await (await approvedDevice(cluster)).poll()
  let current = json.refresh_token
  const load: Readonly<Record<string, () => Promise<Pick<Answer, 'status' | 'took' | 'text'>>>> = {
    'machine token': () => machineToken(cluster),
    'refresh token': async () => {
      const answer = await refresh(cluster, current)
      current = answer.json.refresh_token ?? current
      return answer
    },
    jwks: () => ask(`${issuer}/jwks`),
    revocation: () => post(`${issuer}/revoke`, { client_id: terminal.client_id, token: 'unknown' }),
    'device page': () => createPerson(cluster).open(`${issuer}/device`),
    'sign-in page': () => createPerson(cluster).open(authorizationRequest(cluster).url),
    metadata: () => ask(new URL('/.well-known/oauth-protected-resource/mcp', resource).href),
  }

  using _ = cluster.auth.door.checkReadiness(checkEvery)
  let isOver = false
  const answers: (Pick<Answer, 'status' | 'took' | 'text'> & { readonly kind: string })[] = []
  const workers = Object.entries(load).map(async ([kind, run]) => {
    while (!isOver) {
      answers.push({ kind, ...(await run()) })
      await wait(pace)
    }
  })
  const codes: (number | null)[] = []
  for (const replica of cluster.auth.replicas) {
    codes.push(await replica.stop())
    await replica.start()
    // an orchestrator goes on when the new one gets requests
    await wait(2 * checkEvery)
  }
  isOver = true
  await Promise.all(workers)

  const failed = answers.filter(({ status }) => status !== 200)
  report('rolling restart of two replicas', {
    requests: answers.length,
    failed: failed.length,
    slowestMs: Math.round(Math.max(...answers.map(({ took }) => took))),
  })
  expect(failed.map(({ kind, status, text }) => `${kind}: ${status} ${text.slice(0, 200)}`)).toEqual([])
  expect(codes).toEqual([0, 0])
  expect(answers.length).toBeGreaterThan(200)
})

test('while it leaves a replica answers still, says so at /readyz, and closes connections', async () => {
  const [leaving] = cluster.auth.replicas
  const ended = leaving?.stop()
  await expect.poll(async () => (await ask(`${leaving?.url}/readyz`)).text).toContain('closing')
  const { status, headers } = await ask(`${leaving?.url}/jwks`)
  expect(status).toBe(200)
  expect(headers.get('connection')).toBe('close')
  expect(await ended).toBe(0)
})
