// From one process with its own file to any number on one Redis: REDIS_URL is set and the services are started again.
// Nothing is carried over but what comes from AUTH_SECRET and the client file: everybody signs in once more.
import type { RunningProcess } from '@gatehouse/testing'
import { type ClientHome, createClientHome, createPerson, type Person, promptOf } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import {
  type Answer,
  approvedDevice,
  authorizationRequest,
  machineToken,
  post,
  redeem,
  refresh,
  register,
  whoami,
} from './wire.ts'

const onSqlite = { env: { REDIS_URL: '' } }

let cluster: Cluster
let home: ClientHome
let before: { readonly ada: Person; readonly tokens: Answer['json']; readonly clientId: string; readonly token: string }

const call = () => home.run('call', 'greet', '{"name":"world"}')

/** Somebody approves what a command that was started asks for. */
async function approve(command: RunningProcess): Promise<void> {
  const { link } = await promptOf(command)
  const grace = createPerson(cluster)
  await grace.open(link)
  await grace.submit('/device')
  await grace.logIn('grace')
  await grace.approve()
  expect((await command.exited).code, command.output()).toBe(0)
}

beforeAll(async () => {
  cluster = await startCluster({ started: false, auth: 2, mcp: 1, lifetimes: { accessToken: 1 } })
  home = createClientHome(cluster)
  const { auth, mcp } = cluster
  await Promise.all([auth.replicas[0]?.start(onSqlite), mcp.replicas[0]?.start(onSqlite)])
  await using first = call()
  await approve(first)
  const ada = createPerson(cluster)
  const { json } = await (await approvedDevice(cluster, ada)).poll()
  before = {
    ada,
    tokens: json,
    clientId: (await register(cluster)).json.client_id ?? '',
    token: (await machineToken(cluster)).json.access_token ?? '',
  }
  await Promise.all([auth.replicas[0]?.stop(), mcp.replicas[0]?.stop()])
  await cluster.untilReady()
}, 120_000)
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  home[Symbol.dispose]()
})

test('our command says that one has to sign in again, and how; that is all', async () => {
  await using refused = call()
  expect((await refused.exited).code).not.toBe(0)
  expect(refused.output()).toContain('gatehouse login')
  await using again = home.run('login')
  await approve(again)
  await using next = call()
  expect((await next.exited).code, next.output()).toBe(0)
  expect(next.stdout()).toContain('Hello, world!')
})

test('refresh tokens and clients from before are refused in words that make clients start again', async () => {
  const { issuer } = cluster
  const refused = await refresh(cluster, before.tokens.refresh_token)
  expect([refused.status, refused.json.error]).toEqual([400, 'invalid_grant'])
  const unknown = await post(`${issuer}/device_authorization`, { client_id: before.clientId })
  expect([unknown.status, unknown.json.error]).toEqual([401, 'invalid_client'])
  const again = await register(cluster)
  expect(again.json.client_id, 'who registers the same metadata is the same client').toBe(before.clientId)
  expect((await post(`${issuer}/device_authorization`, { client_id: before.clientId })).status).toBe(200)
})

test('a browser that was signed in is asked to sign in, once', async () => {
  const request = authorizationRequest(cluster)
  expect((await before.ada.open(request.url)).heading).toBe('Sign in')
  await before.ada.logIn('ada')
  const { leftTo } = await before.ada.approve()
  expect((await redeem(cluster, request, leftTo)).status).toBe(200)
  await before.ada.open(authorizationRequest(cluster).url)
  expect(before.ada.page.heading).toBe('An app wants to use your account')
})

test('clients of the file go on; a token that the old keys signed is refused', async () => {
  const { json } = await machineToken(cluster)
  expect((await whoami(cluster, json.access_token)).status).toBe(200)
  expect((await whoami(cluster, before.token)).status).toBe(401)
})
