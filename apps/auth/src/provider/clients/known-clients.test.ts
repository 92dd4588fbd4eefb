import { expect, test } from 'vitest'
import { createAccountRecords } from '../../accounts/account-records.ts'
import { type AuthServer, startAuthServer, testSecret } from '../../harness/auth-server.ts'
import { errorOf, refused } from '../../harness/flows.ts'
import { parseOperatorCommand, runPeopleCommand } from '../../operator/command-line.ts'
import { createSealing } from '../../store/sealing.ts'
import { openSqliteStore } from '../../store/sqlite/store.ts'
import { clientsKnownFor, createKnownClients } from './known-clients.ts'

function openScene({ isOn = true } = {}) {
  const scene = { now: 1_000_000, loads: 0, stored: 'first' as string | undefined }
  const known = createKnownClients<string>({ clock: () => scene.now, isOn })
  const load = async () => {
    scene.loads += 1
    return scene.stored
  }
  return { scene, known, find: (id = 'app') => known.find(id, load) }
}

test('a client is loaded once, for all who ask at once, and again after its time', async () => {
  const { scene, find } = openScene()
  expect(await Promise.all([find(), find()])).toEqual(['first', 'first'])
  scene.stored = 'second'
  scene.now += clientsKnownFor - 1
  expect(await find()).toBe('first')
  expect(scene.loads).toBe(1)
  scene.now += 1
  expect(await find()).toBe('second')
  expect(clientsKnownFor).toBeLessThan(5_000)
})

test('its time begins before the store is asked', async () => {
  const { scene, known } = openScene()
  await known.find('app', async () => {
    scene.now += clientsKnownFor
    return 'slow'
  })
  expect(await known.find('app', async () => 'changed')).toBe('changed')
})

test('what is not there is asked for each time, and so is what could not be loaded', async () => {
  const { scene, known, find } = openScene()
  scene.stored = undefined
  expect(await find()).toBeUndefined()
  scene.stored = 'registered'
  expect(await find()).toBe('registered')
  await expect(known.find('other', () => Promise.reject(new Error('away')))).rejects.toThrow('away')
  expect(await find('other')).toBe('registered')
})

test('what is forgotten while it is being loaded is loaded again for who asks then', async () => {
  const { known } = openScene()
  const { promise, resolve } = Promise.withResolvers<string>()
  const before = known.find('app', () => promise)
  known.forget('app')
  const after = known.find('app', async () => 'new')
  resolve('old')
  expect(await before).toBe('old')
  expect(await after).toBe('new')
  expect(await known.find('app', async () => 'newer')).toBe('new')
})

test('a clock that is set back prolongs nothing', async () => {
  const { scene, find } = openScene()
  await find()
  scene.now -= 1
  await find()
  expect(scene.loads).toBe(2)
})

test('a thousand are known, and the one that was loaded longest ago is forgotten first', async () => {
  const { scene, find } = openScene()
  for (let id = 0; id <= 1_000; id += 1) await find(String(id))
  await find('1')
  expect(scene.loads).toBe(1_001)
  await find('0')
  expect(scene.loads).toBe(1_002)
})

test('switched off, nothing is known', async () => {
  const { scene, find } = openScene({ isOn: false })
  await find()
  await find()
  expect(scene.loads).toBe(2)
})

const metadata = {
  client_name: 'App',
  token_endpoint_auth_method: 'none',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
}
const unknown = refused(401, 'invalid_client')

async function openReplicas(environment: Readonly<Record<string, string>> = {}) {
  await using opened = new AsyncDisposableStack()
  const sealing = createSealing({ secret: testSecret })
  const store = opened.use(openSqliteStore({ path: ':memory:', sealing, clock: Date.now, onTampered: () => undefined }))
  const start = async () => opened.use(await startAuthServer({ environment, wrapStore: () => store }))
  const replicas = [await start(), await start()] as const
  const operate = async (...args: readonly string[]) => {
    const command = parseOperatorCommand(args)
    if (!command) throw new Error('asked for the usage')
    const people = createAccountRecords({ store, keptFor: 1 })
    return runPeopleCommand(command, { store, people, settle: async () => {} })
  }
  const owned = opened.move()
  return { replicas, operate, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

const ask = async (server: AuthServer, id: string) => server.post('/device_authorization', { client_id: id })

test('a client that an operator removes is refused by each replica within five seconds, and a new one works at once', async () => {
  await using opened = await openReplicas()
  const { replicas, operate } = opened
  const [one, other] = replicas
  const id = (await one.register(metadata)).json.client_id ?? ''
  for (const replica of replicas) expect((await ask(replica, id)).status).toBe(200)
  await operate('clients', 'remove', id, '--yes')
  for (const replica of replicas) expect((await ask(replica, id)).status, 'it is still known').toBe(200)
  one.elapse(5)
  for (const replica of replicas) expect(errorOf(await ask(replica, id))).toEqual(unknown)
  expect((await one.register(metadata)).json.client_id).toBe(id)
  for (const replica of replicas) expect((await ask(replica, id)).status).toBe(200)
  expect((await ask(other, id)).status).toBe(200)
})

test('with FAST_PATHS=off it is refused at once', async () => {
  await using opened = await openReplicas({ FAST_PATHS: 'off' })
  const { replicas, operate } = opened
  const id = (await replicas[0].register(metadata)).json.client_id ?? ''
  for (const replica of replicas) expect((await ask(replica, id)).status).toBe(200)
  await operate('clients', 'remove', id, '--yes')
  for (const replica of replicas) expect(errorOf(await ask(replica, id))).toEqual(unknown)
})
