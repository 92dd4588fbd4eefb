import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { UserCodeTakenError } from '../../errors.ts'
import { startAuthServer } from '../../harness/auth-server.ts'
import { basic, terminal, website } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { approvedDevice, askAsDevice, errorOf, refused } from '../../harness/flows.ts'

const path = '/device_authorization'

verifies(
  'D1',
  'a device request without a client is an invalid_request, and one of an unknown client an invalid_client',
  async () => {
    await using server = await startAuthServer()
    expect(errorOf(await server.post(path, {}))).toEqual(refused(400, 'invalid_request'))
    expect(errorOf(await server.post(path, { client_id: 'nobody' }))).toEqual(refused(401, 'invalid_client'))
  },
)

verifies('D1', 'a client that is not registered for the device grant is an unauthorized_client', async () => {
  await using server = await startAuthServer()
  expect(errorOf(await server.post(path, {}, basic(website)))).toEqual(refused(400, 'unauthorized_client'))
})

verifies('D2', 'a parameter that comes twice is refused', async () => {
  await using server = await startAuthServer()
  for (const name of ['client_id', 'scope', 'resource', 'nonce']) {
    const value = 'http://localhost:3000/mcp'
    const answer = await server.post(path, [
      ['client_id', terminal.client_id],
      [name, value],
      [name, value],
    ])
    expect([name, errorOf(answer)]).toEqual([name, refused(400, 'invalid_request')])
  }
})

verifies('D2', 'a parameter that nobody knows is ignored', async () => {
  await using server = await startAuthServer()
  const { status } = await server.post(path, { client_id: terminal.client_id, favourite_colour: 'green' })
  expect(status).toBe(200)
})

verifies('D3', 'the answer has interval, life and addresses, and is not kept', async () => {
  await using server = await startAuthServer()
  const { status, headers, json } = await server.post(path, { client_id: terminal.client_id })
  expect(status).toBe(200)
  expect(headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8' })
  expect(json).toEqual({
    device_code: expect.stringMatching(/^[\w-]{43,}$/),
    user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
    verification_uri: `${server.issuer}/device`,
    verification_uri_complete: `${server.issuer}/device?user_code=${json.user_code}`,
    expires_in: 600,
    interval: 5,
  })
})

test('interval and life follow the configuration', async () => {
  await using server = await startAuthServer({
    environment: { AUTH_LIFETIMES: '{"deviceCode":120,"deviceInterval":2}' },
  })
  const { json } = await server.post(path, { client_id: terminal.client_id })
  expect(json).toMatchObject({ expires_in: 120, interval: 2 })
})

test('a user code that another device has is made again, and the new one works to the end', async () => {
  let collisions = 2
  const rejected: string[] = []
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      deviceCodes: {
        ...store.deviceCodes,
        async create(id, payload, expiresIn, write) {
          if (collisions-- > 0) {
            rejected.push(write.userCode)
            throw new UserCodeTakenError()
          }
          expect(payload.userCode).toBe(write.userCode)
          await store.deviceCodes.create(id, payload, expiresIn, write)
        },
      },
    }),
  })
  const device = await approvedDevice(server)
  expect(rejected).toHaveLength(2)
  expect(rejected).not.toContain(device.userCode.replace('-', ''))
  expect((await device.poll()).status).toBe(200)
})

test('user codes that are taken again and again make the answer a passing failure', async () => {
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      deviceCodes: { ...store.deviceCodes, create: () => Promise.reject(new UserCodeTakenError()) },
    }),
  })
  const answer = await server.post(path, { client_id: terminal.client_id })
  expect(errorOf(answer)).toEqual(refused(503, 'temporarily_unavailable'))
  expect(answer.headers['retry-after']).toBe('1')
})

verifies('D3', 'no two devices get the same codes', async () => {
  await using server = await startAuthServer()
  const devices = await Promise.all(Array.from({ length: 20 }, () => askAsDevice(server)))
  expect(new Set(devices.map(({ deviceCode }) => deviceCode)).size).toBe(20)
  expect(new Set(devices.map(({ userCode }) => userCode)).size).toBe(20)
})

provesSecrecy()
