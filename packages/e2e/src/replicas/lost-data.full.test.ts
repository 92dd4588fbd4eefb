// Redis comes back empty: what still holds, and what a person, a device and an app see who were in the middle of it.
import { createClientHome, createPerson, type Page, type Person, promptOf, until, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { report } from './report.ts'
import {
  type Answer,
  approvedDevice,
  ask,
  askAsDevice,
  authorizationRequest,
  type Device,
  machineToken,
  post,
  redeem,
  refresh,
  register,
  whoami,
} from './wire.ts'

/** Milliseconds, as docs/faults.md promises; tests allow three times as much. */
const backWithin = 10_000
const tolerance = 3

let cluster: Cluster
let before: {
  readonly keys: string
  readonly tokens: Answer['json']
  readonly pending: Device
  readonly clientId: string
  readonly atEntry: Person
  readonly atLogin: Person
  readonly atConsent: Person
  readonly atApproval: Person
}

const keysOf = async (url: string) => (await ask(`${url}/jwks`)).text
const problemOf = ({ status, json }: Answer) => [status, json.error]

beforeAll(async () => {
  cluster = await startCluster()
  const device = await approvedDevice(cluster)
  const pending = await askAsDevice(cluster)
  const people = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const person = createPerson(cluster)
      await person.open(authorizationRequest(cluster).url)
      return person
    }),
  )
  const [atEntry, atLogin, atConsent, atApproval] = people as [Person, Person, Person, Person]
  await atEntry.open(`${cluster.issuer}/device?user_code=${pending.userCode}`)
  await atConsent.logIn('grace')
  await atApproval.enterCode((await askAsDevice(cluster)).userCode)
  await atApproval.logIn('ada')
  before = {
    keys: await keysOf(cluster.issuer),
    tokens: (await device.poll()).json,
    pending,
    clientId: (await register(cluster)).json.client_id ?? '',
    atEntry,
    atLogin,
    atConsent,
    atApproval,
  }
  await cluster.redis.kill()
  await cluster.redis.start()
  const areBack = async () => String(await cluster.redis.command('KEYS', 'auth:document:*')) !== ''
  report('Redis lost its data', { keysWrittenBackAfterMs: await until(areBack, tolerance * backWithin) })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

verifies('X5', 'the keys come back from the replicas, so that every token from before is good', async () => {
  const { auth } = cluster
  expect(await keysOf(cluster.issuer)).toBe(before.keys)
  expect((await whoami(cluster, before.tokens.access_token)).status).toBe(200)
  await auth.replicas[0]?.kill()
  await auth.replicas[0]?.start()
  expect(await keysOf(auth.replicas[0]?.url ?? '')).toBe(before.keys)
  expect(cluster.logs()).toContain('the store lost its data')
})

verifies('X5', 'a device is told that its code and its refresh token are no good, and can start again', async () => {
  expect(problemOf(await before.pending.poll())).toEqual([400, 'invalid_grant'])
  expect(problemOf(await refresh(cluster, before.tokens.refresh_token))).toEqual([400, 'invalid_grant'])
  const device = await approvedDevice(cluster)
  expect((await device.poll()).status).toBe(200)
})

verifies('X5', 'a person in the middle of anything sees a page that says what to do, and can do it', async () => {
  const seen: Readonly<Record<string, Page>> = {
    'sends the form with the code': await before.atEntry.submit('/device'),
    'sends the sign-in form': await before.atLogin.logIn('bob'),
    'says yes to an app': await before.atConsent.approve(),
    'says yes to a device': await before.atApproval.approve(),
    'opens a sign-in page again': await before.atLogin.open(`${cluster.issuer}/interaction/${'x'.repeat(43)}`),
  }
  for (const [doing, { status, heading, text }] of Object.entries(seen)) {
    expect(status, `${doing}: ${text}`).toBeLessThan(500)
    expect(heading, doing).not.toBe('')
    expect(text, doing).not.toMatch(/server_error|went wrong on our side/)
  }
  report(
    'Redis lost its data: what people see',
    Object.fromEntries(Object.entries(seen).map(([doing, { status, heading }]) => [doing, `${status}, ${heading}`])),
  )

  const device = await askAsDevice(cluster)
  await before.atEntry.enterCode(device.userCode)
  await before.atEntry.logIn('ada')
  expect((await before.atEntry.approve()).heading).toBe('You are signed in on your device')
  const request = authorizationRequest(cluster)
  expect((await before.atConsent.open(request.url)).heading, 'asked to sign in again').toBe('Sign in')
  await before.atConsent.logIn('grace')
  const { leftTo } = await before.atConsent.approve()
  expect((await redeem(cluster, request, leftTo)).status).toBe(200)
})

verifies(
  'X5',
  'clients of the file notice nothing; one that registered itself is told, and registers again',
  async () => {
    expect((await machineToken(cluster)).status).toBe(200)
    const { clientId } = before
    const refused = await post(`${cluster.issuer}/device_authorization`, { client_id: clientId })
    expect([refused.status, refused.json.error]).toEqual([401, 'invalid_client'])
    const page = await createPerson(cluster).open(authorizationRequest(cluster, clientId).url)
    expect(page.status).toBe(400)
    expect(page.text).toContain('connect again')
    const again = await register(cluster)
    expect(again.status).toBe(201)
    expect(again.json.client_id, 'the same metadata under the same secret is the same client').toBe(clientId)
  },
)

test('the command that waits for an approval ends, and asks again when it is started again', async () => {
  using home = createClientHome(cluster)
  await using command = home.run('login')
  await promptOf(command)
  await cluster.redis.command('FLUSHALL')
  expect((await command.exited).code, command.output()).not.toBe(0)
  await using again = home.run('login')
  const { link } = await promptOf(again)
  const ada = createPerson(cluster)
  await ada.open(link)
  await ada.submit('/device')
  await ada.logIn('ada')
  await ada.approve()
  expect((await again.exited).code, again.output()).toBe(0)
})
