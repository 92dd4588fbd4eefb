// What ends a refresh token: lying unused, the end of the consent, and anyone who takes the access back.
import { rmSync } from 'node:fs'
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { createDataDir, startAuthServer } from '../../harness/auth-server.ts'
import { basic, website } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { errorOf, logInOnDevice, obtainCode, refresh, refused } from '../../harness/flows.ts'

const day = 86_400
const invalidGrant = refused(400, 'invalid_grant')

verifies('F5', 'a refresh token that lay unused for thirty days is over; one that is used goes on', async () => {
  await using server = await startAuthServer()
  const [idle, busy] = [await logInOnDevice(server), await logInOnDevice(server)]
  server.elapse(30 * day - 1)
  const { status, json } = await refresh(server, busy.refresh_token)
  expect(status).toBe(200)
  server.elapse(2)
  expect(errorOf(await refresh(server, idle.refresh_token))).toEqual(invalidGrant)
  server.elapse(29 * day)
  expect((await refresh(server, json.refresh_token)).status).toBe(200)
})

verifies('F5', 'ninety days after the consent it is over, however often it was used', async () => {
  await using server = await startAuthServer()
  for (const login of [() => logInOnDevice(server), async () => (await (await obtainCode(server)).redeem()).json]) {
    let { refresh_token: token } = await login()
    for (const days of [20, 20, 20, 20, 9]) {
      server.elapse(days * day)
      const { status, json } = await refresh(server, token)
      expect(status).toBe(200)
      token = json.refresh_token
    }
    server.elapse(day - 1)
    const last = await refresh(server, token)
    expect(last.status).toBe(200)
    server.elapse(2)
    expect(errorOf(await refresh(server, last.json.refresh_token))).toEqual(invalidGrant)
    expect(errorOf(await refresh(server, token)), 'nor does the grace bring it back').toEqual(invalidGrant)
  }
})

verifies('F5', 'lifetimes that were made shorter count for tokens that are out', async () => {
  const dataDir = createDataDir()
  const token = await (async () => {
    await using before = await startAuthServer({ dataDir })
    return (await logInOnDevice(before)).refresh_token
  })()
  const environment = { AUTH_LIFETIMES: JSON.stringify({ refreshToken: day }) }
  {
    await using shortened = await startAuthServer({ dataDir, environment })
    shortened.elapse(day + 1)
    expect(errorOf(await refresh(shortened, token))).toEqual(invalidGrant)
  }
  rmSync(dataDir, { recursive: true, force: true })
})

verifies('F5', 'it ends with the account: one whose login is off by now is nobody, inside the grace, too', async () => {
  const dataDir = createDataDir()
  const [fresh = '', used = ''] = await (async () => {
    await using open = await startAuthServer({ dataDir })
    const tokens = [(await logInOnDevice(open)).refresh_token, (await logInOnDevice(open)).refresh_token]
    expect((await refresh(open, tokens[1])).status).toBe(200)
    return tokens
  })()
  {
    await using closed = await startAuthServer({ dataDir, environment: { AUTH_DEV_LOGIN: 'false' } })
    for (const token of [fresh, used]) expect(errorOf(await refresh(closed, token))).toEqual(invalidGrant)
  }
  // anyone who is let in again goes on: nothing was used up by asking
  await using open = await startAuthServer({ dataDir })
  for (const token of [fresh, used]) expect((await refresh(open, token)).status).toBe(200)
  rmSync(dataDir, { recursive: true, force: true })
})

verifies('F5', 'a client that signs out ends its own sign-in, with all its tokens, and no other', async () => {
  await using server = await startAuthServer()
  const toWebsite = { client_id: website.client_id, redirect_uri: website.redirect_uris[0] }
  const browser = server.openBrowser()
  const signIn = async () => {
    const { redeem } = await obtainCode(server, { changes: toWebsite, browser })
    return (await redeem({}, basic(website))).json
  }
  const renew = (token: string | undefined) =>
    server.token({ grant_type: 'refresh_token', refresh_token: token ?? '' }, basic(website))
  const [one, other] = [await signIn(), await signIn()]
  const { json: renewed } = await renew(one.refresh_token)
  expect((await server.post('/revoke', { token: one.refresh_token ?? '' }, basic(website))).status).toBe(200)
  for (const token of [one.refresh_token, renewed.refresh_token])
    expect(errorOf(await renew(token))).toEqual(invalidGrant)
  expect((await renew(other.refresh_token)).status).toBe(200)
})

provesSecrecy()
