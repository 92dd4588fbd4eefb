// How long somebody is remembered: as long as what they were given, and no longer.
import { createFakeGitHub, verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { terminal } from '../harness/clients.ts'
import { askAsDevice, logInOnDevice, refresh } from '../harness/flows.ts'

const oneDay = 86_400
const lifetimes = { AUTH_LIFETIMES: JSON.stringify({ grant: 10 * oneDay, session: oneDay, refreshToken: 10 * oneDay }) }

test('an account ends as long after its last use as a grant can live, and a day more', async () => {
  await using server = await startAuthServer({ environment: lifetimes })
  const find = () => server.store.records.find('Account', 'dev:ada')
  const { refresh_token: token } = await logInOnDevice(server)
  server.elapse(5 * oneDay)
  expect((await refresh(server, token)).status).toBe(200)
  server.elapse(10 * oneDay)
  expect(await find(), 'as long as a grant of the last use').toBeDefined()
  server.elapse(oneDay + 180)
  expect(await find()).toBeUndefined()
})

verifies('U7', "somebody who left is gone with their account, GitHub's token included", async () => {
  await using github = await createFakeGitHub()
  await using server = await startAuthServer({
    clients: [{ ...terminal, github_device_flow: true }],
    environment: {
      ...lifetimes,
      AUTH_DEV_LOGIN: 'false',
      ALLOWED_GITHUB_ORGS: 'acme',
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_URL: github.url,
      GITHUB_API_URL: github.apiUrl,
    },
  })
  const find = () => server.store.records.find('Account', 'github:2')
  const device = await askAsDevice(server)
  github.decideDevice(device.userCode, 'mona')
  const { json } = await device.poll()
  expect(await find()).toHaveProperty('payload.facts.upstreamToken')
  github.change('mona', { organisations: [] })
  // their program goes on asking, and is refused: that puts nothing off
  for (let day = 1; day <= 11; day += 1) {
    server.elapse(oneDay)
    expect((await refresh(server, json.refresh_token)).status).toBe(400)
  }
  server.elapse(180)
  expect(await find()).toBeUndefined()
})
