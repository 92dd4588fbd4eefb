import { verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import { deviceGrant, otherTerminal, terminal } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { approvedDevice, askAsDevice, errorOf, refresh, refused } from '../../harness/flows.ts'

const pending = refused(400, 'authorization_pending')
const slowDown = refused(400, 'slow_down')
const invalidGrant = refused(400, 'invalid_grant')

verifies('D4', 'a poll before the approval is authorization_pending, and the first one never too early', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  expect(errorOf(await device.poll())).toEqual(pending)
})

verifies('D4', 'a poll before the approval may say which resource it means, as MCP clients do', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  expect(errorOf(await device.poll({ resource: 'http://localhost:3000/mcp' }))).toEqual(pending)
})

verifies('D5', 'a device that keeps to the interval is never told to slow down', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  for (let poll = 0; poll < 6; poll += 1) {
    expect(errorOf(await device.poll())).toEqual(pending)
    server.elapse(5)
  }
})

verifies('D5', 'each early poll is slow_down and makes the interval five seconds longer for good', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  await device.poll()
  server.elapse(4)
  expect(errorOf(await device.poll())).toEqual(slowDown)
  server.elapse(9)
  expect(errorOf(await device.poll())).toEqual(slowDown)
  for (let poll = 0; poll < 3; poll += 1) {
    server.elapse(15)
    expect(errorOf(await device.poll())).toEqual(pending)
  }
  server.elapse(14)
  expect(errorOf(await device.poll())).toEqual(slowDown)
})

verifies(
  'D5',
  'with holds switched off a hundred devices that wait are answered at once, however they ask',
  async () => {
    await using server = await startAuthServer()
    const devices = await Promise.all(Array.from({ length: 100 }, () => askAsDevice(server)))
    const askAll = async () => {
      const began = performance.now()
      const answers = await Promise.all(devices.map(({ poll }) => poll({}, { prefer: 'wait=30' })))
      expect(performance.now() - began, 'milliseconds for all of them').toBeLessThan(4_000)
      return new Set(answers.map((answer) => JSON.stringify(errorOf(answer))))
    }
    expect(await askAll()).toEqual(new Set([JSON.stringify(pending)]))
    expect(await askAll()).toEqual(new Set([JSON.stringify(slowDown)]))
  },
)

verifies(['D5', 'D8'], 'polls of another client neither slow the device down nor learn anything', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  for (let poll = 0; poll < 3; poll += 1) {
    const foreign = await device.poll({ client_id: otherTerminal.client_id })
    expect(errorOf(foreign)).toEqual(invalidGrant)
    expect(foreign.json).toEqual((await askForNothing(server)).json)
  }
  expect(errorOf(await device.poll())).toEqual(pending)
})

verifies('D8', 'an approved code is worthless to another client and stays good for its own', async () => {
  await using server = await startAuthServer()
  const device = await approvedDevice(server)
  const foreign = await device.poll({ client_id: otherTerminal.client_id })
  expect(errorOf(foreign)).toEqual(invalidGrant)
  expect(foreign.json).toEqual((await askForNothing(server)).json)
  expect((await device.poll()).status).toBe(200)
})

verifies('D6', 'a refusal is access_denied, at once and later, until the code has expired', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  await browser.logIn()
  expect((await browser.refuse()).heading).toBe('Nothing was shared')
  expect(errorOf(await device.poll())).toEqual(refused(400, 'access_denied'))
  expect(errorOf(await device.poll())).toEqual(refused(400, 'access_denied'))
  server.elapse(300)
  expect(errorOf(await device.poll())).toEqual(refused(400, 'access_denied'))
  expect(errorOf(await device.poll({ client_id: otherTerminal.client_id }))).toEqual(invalidGrant)
  server.elapse(300)
  expect(errorOf(await device.poll())).toEqual(refused(400, 'expired_token'))
})

verifies('D7', 'a code is good up to its last second and an expired_token from then on', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  server.elapse(599)
  expect(errorOf(await device.poll())).toEqual(pending)
  server.elapse(1)
  expect(errorOf(await device.poll())).toEqual(refused(400, 'expired_token'))
  server.elapse(200)
  expect(errorOf(await device.poll())).toEqual(refused(400, 'expired_token'))
})

verifies('D7', 'an approval that nobody fetched in time is an expired_token, too', async () => {
  await using server = await startAuthServer()
  const device = await approvedDevice(server)
  server.elapse(600)
  expect(errorOf(await device.poll())).toEqual(refused(400, 'expired_token'))
})

verifies('D9', 'a device code that never was is an invalid_grant, whatever its shape', async () => {
  await using server = await startAuthServer()
  for (const code of [
    'x',
    'BDWP-HQTK',
    '\u0000',
    '../../etc/passwd',
    "' OR 1=1 --",
    '__proto__',
    'é'.repeat(99),
    'a'.repeat(10_240),
  ]) {
    const answer = await server.token({ grant_type: deviceGrant, client_id: terminal.client_id, device_code: code })
    expect([code.slice(0, 20), errorOf(answer)]).toEqual([code.slice(0, 20), invalidGrant])
  }
  const without = await server.token({ grant_type: deviceGrant, client_id: terminal.client_id })
  expect(errorOf(without)).toEqual(refused(400, 'invalid_request'))
})

verifies('D10', 'twenty parallel redemptions and a late one get the same answer, and it stays good', async () => {
  await using server = await startAuthServer()
  const device = await approvedDevice(server)
  const answers = await Promise.all(Array.from({ length: 20 }, () => device.poll()))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  server.elapse(3)
  const late = await device.poll()
  expect(new Set([...answers, late].map(({ text }) => text)).size, 'a lost answer does not cost a login').toBe(1)

  const refreshed = await refresh(server, late.json.refresh_token)
  expect(refreshed.status, refreshed.text).toBe(200)

  server.elapse(60)
  expect(errorOf(await device.poll())).toEqual(invalidGrant)
  expect(errorOf(await refresh(server, refreshed.json.refresh_token))).toEqual(invalidGrant)
})

verifies('D10', 'a code that is used again later ends the tokens that it gave', async () => {
  await using server = await startAuthServer()
  const device = await approvedDevice(server)
  const { json: tokens } = await device.poll()
  server.elapse(60)
  expect(errorOf(await device.poll())).toEqual(invalidGrant)
  expect(errorOf(await refresh(server, tokens.refresh_token))).toEqual(invalidGrant)
})

verifies('D22', 'an account that goes between approval and poll gives no token', async () => {
  await using server = await startAuthServer()
  const device = await approvedDevice(server)
  await server.store.records.destroy('Account', 'dev:ada')
  expect(errorOf(await device.poll())).toEqual(invalidGrant)
})

verifies('D22', 'a grant that is revoked between approval and poll gives no token', async () => {
  const grants: string[] = []
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      records: {
        ...store.records,
        async put(model, id, ...rest) {
          if (model === 'Grant') grants.push(id)
          await store.records.put(model, id, ...rest)
        },
      },
    }),
  })
  const device = await approvedDevice(server)
  expect(grants).toHaveLength(1)
  await server.store.records.destroy('Grant', grants[0] ?? '')
  expect(errorOf(await device.poll())).toEqual(invalidGrant)
})

verifies('D24', 'a scope that comes with the poll changes nothing', async () => {
  await using server = await startAuthServer()
  const device = await approvedDevice(server, { scope: 'mcp:tools:read' })
  const { json } = await device.poll({ scope: 'mcp:tools:read mcp:tools:call mcp:tools:notify openid' })
  expect(json.scope).toBe('mcp:tools:read')
  expect(decodeJwt(json.access_token ?? '')).toMatchObject({
    scope: 'mcp:tools:read',
    sub: 'dev:ada',
    client_id: 'terminal',
  })
  expect(json.id_token).toBeUndefined()
})

verifies('D24', 'another resource at the poll is an invalid_target, and does not use the code up', async () => {
  await using server = await startAuthServer()
  const device = await approvedDevice(server)
  expect(errorOf(await device.poll({ resource: 'http://localhost:3000/other' }))).toEqual(
    refused(400, 'invalid_target'),
  )
  expect((await device.poll()).status).toBe(200)
})

test('a poll that says which resource it means may spell it differently', async () => {
  await using server = await startAuthServer()
  const device = await approvedDevice(server, { resource: 'http://localhost:3000' })
  const { status, json } = await device.poll({ resource: 'http://LOCALHOST:3000/mcp/' })
  expect(status).toBe(200)
  expect(decodeJwt(json.access_token ?? '').aud).toBe('http://localhost:3000/mcp')
})

/** What somebody who guesses gets: foreign codes must look the same. */
function askForNothing(server: AuthServer) {
  return server.token({
    grant_type: deviceGrant,
    client_id: otherTerminal.client_id,
    device_code: 'never-was-a-device-code',
  })
}

provesSecrecy()
