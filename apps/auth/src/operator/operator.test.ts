// What an operator ends is over at every replica, for a person and for a client. As a process: operator-command.test.ts.
import { openTestRedis, type RedisScene, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAccountRecords } from '../accounts/account-records.ts'
import { CursorError, OperatorError, UsageError } from '../errors.ts'
import { startAuthServer, testSecret } from '../harness/auth-server.ts'
import { basic, website } from '../harness/clients.ts'
import { errorOf, logInOnDevice, obtainCode, refresh, refused } from '../harness/flows.ts'
import type { Store } from '../store/contract.ts'
import { untilAnswers } from '../store/redis/harness/harness.ts'
import { openRedisStore } from '../store/redis/store.ts'
import { createSealing } from '../store/sealing.ts'
import { parseOperatorCommand, runPeopleCommand } from './command-line.ts'

const invalidGrant = refused(400, 'invalid_grant')
const day = 86_400_000

let redis: RedisScene<string>
let prefix: string
beforeAll(async () => {
  redis = await openTestRedis('auth')
  prefix = redis.newPrefix()
})
afterAll(() => redis?.[Symbol.asyncDispose]())

const open = () =>
  untilAnswers(openRedisStore({ connection: redis.connection, prefix, sealing: createSealing({ secret: testSecret }) }))

function operate(store: Store, ...args: readonly string[]): Promise<string> {
  const command = parseOperatorCommand(args)
  if (!command) throw new Error('asked for the usage')
  const people = createAccountRecords({ store, keptFor: 90 * day })
  return runPeopleCommand(command, { store, people, settle: async () => {} })
}

verifies('F5', 'who is forgotten has nothing any more, at no replica, and others have what they had', async () => {
  const [first, second, third] = [await open(), await open(), await open()]
  await using one = await startAuthServer({ wrapStore: () => first })
  await using other = await startAuthServer({ wrapStore: () => second })
  const tokens = await logInOnDevice(one)
  const eve = await logInOnDevice(one, {}, 'eve')
  const ada = one.openBrowser()
  const redirect = { client_id: website.client_id, redirect_uri: website.redirect_uris[0] }
  const { redeem } = await obtainCode(one, { changes: redirect, browser: ada })
  const { access_token: token = '' } = (await redeem({}, basic(website))).json
  const isActive = async () => (await one.post('/introspect', { token }, basic(website))).json.active
  expect(await isActive()).toBe(true)

  const list = await operate(third, 'people', 'list')
  expect(list).toMatch(/^dev:ada +dev:ada +website terminal$/m)
  expect(list).toMatch(/^dev:eve +dev:eve +terminal$/m)
  const there = await operate(third, 'people', 'forget', 'dev:ada')
  expect(there).toContain('Nothing was changed.')
  expect(there).toMatch(
    /^approval {3}terminal, since .*\napproval {3}website|^approval {3}website, since .*\napproval {3}terminal/m,
  )
  expect(there).toMatch(/^sessions {3}[12]$/m)
  expect(await isActive()).toBe(true)

  await operate(third, 'people', 'forget', 'dev:ada', '--yes')
  expect(await isActive()).toBe(false)
  for (const server of [other, one]) expect(errorOf(await refresh(server, tokens.refresh_token))).toEqual(invalidGrant)
  await ada.open('/apps')
  expect(ada.page.heading).toBe('Sign in')
  const left = await redis.onEachKey(prefix, async (_, key) => key.slice(prefix.length))
  const keyOf = (kind: string, model: string, id: string) =>
    `${kind}:${createSealing({ secret: testSecret }).hashKey(model, id)}`
  expect(left).not.toContain(keyOf('Account', 'Account', 'dev:ada'))
  expect(left).not.toContain(keyOf('document', 'document', 'account:dev:ada'))
  await expect(operate(third, 'people', 'show', 'dev:ada')).rejects.toThrow(OperatorError)
  expect((await refresh(other, eve.refresh_token)).status).toBe(200)

  await ada.logIn('ada')
  expect(ada.page.text, 'who comes back begins with nothing').toContain('No app and no device is connected')
  expect(errorOf(await refresh(one, tokens.refresh_token))).toEqual(invalidGrant)
  for (const store of [first, second, third]) await store.close()
})

test('a client that is removed is gone with what was approved of it; its name obeys no terminal', async () => {
  await using server = await startAuthServer()
  const metadata = {
    client_name: 'Evil \u202eapp',
    token_endpoint_auth_method: 'none',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  }
  const id = (await server.register(metadata)).json.client_id ?? ''
  const tokens = await logInOnDevice(server, { client_id: id })
  const list = await operate(server.store, 'clients', 'list')
  expect(list).toContain(id)
  expect(list).not.toContain('\u202e')
  expect(await operate(server.store, 'clients', 'remove', id)).toContain('approved by dev:ada')
  expect((await refresh(server, tokens.refresh_token, { client_id: id })).status, 'nothing was changed').toBe(200)
  await operate(server.store, 'clients', 'remove', id, '--yes')
  expect(await operate(server.store, 'clients', 'list')).not.toContain(id)
  expect((await server.register(metadata)).json.client_id, 'it may come back').toBe(id)
  const again = await refresh(server, tokens.refresh_token, { client_id: id })
  expect(again.json.error).toBe('invalid_grant')
  await expect(operate(server.store, 'clients', 'remove', 'terminal', '--yes')).rejects.toThrow(OperatorError)
})

test('approvals of a client that is no longer there end, as after a removal that was cut off', async () => {
  await using server = await startAuthServer()
  const grant_types = ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token']
  const id =
    (await server.register({ client_name: 'App', token_endpoint_auth_method: 'none', grant_types })).json.client_id ??
    ''
  await logInOnDevice(server, { client_id: id })
  await server.store.records.destroy('Client', id)
  expect(await operate(server.store, 'clients', 'remove', id, '--yes')).toContain('Its approvals have ended')
  expect(await operate(server.store, 'clients', 'remove', id)).not.toContain('approved by')
  await expect(operate(server.store, 'clients', 'remove', id, '--yes')).rejects.toThrow(OperatorError)
})

test('a long list goes on where it stopped', async () => {
  await using server = await startAuthServer()
  const { store } = server
  const people = createAccountRecords({ store, keptFor: day })
  const all = Array.from({ length: 250 }, (_, index) => `dev:person-${index}`).sort()
  for (const subject of all) await people.put({ subject, label: subject })
  const found: string[] = []
  let after: string | undefined
  for (let page = 0; page < 10; page += 1) {
    const args = after === undefined ? [] : ['--after', after]
    const told = JSON.parse(await operate(store, 'people', 'list', '--json', ...args))
    found.push(...told.people.map(({ subject }: { subject: string }) => subject))
    after = told.next
    if (after === undefined) break
  }
  expect(found.sort()).toEqual(all)
  await expect(operate(store, 'people', 'list', '--after', '; --')).rejects.toThrow(CursorError)
})

test.each([
  [],
  ['people'],
  ['people', 'forget'],
  ['people', 'show', 'a', 'b'],
  ['people', 'list', 'a'],
  ['people', 'show', 'a', '--json'],
  ['clients', 'show', 'a'],
  ['people', 'lsit'],
  ['--no-such-flag'],
])('%s %s is no call', (...args) => {
  expect(() => parseOperatorCommand(args.filter((arg) => typeof arg === 'string'))).toThrow(UsageError)
})
