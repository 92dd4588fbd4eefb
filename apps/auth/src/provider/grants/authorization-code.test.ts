import { verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { basic, website } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { createPkce, errorOf, obtainCode, refresh, refused } from '../../harness/flows.ts'

const invalidGrant = refused(400, 'invalid_grant')
const invalidRequest = refused(400, 'invalid_request')

for (const seconds of [3, 30]) {
  verifies('T10', `a code that is used again after ${seconds} s fails and ends the tokens that it gave`, async () => {
    await using server = await startAuthServer()
    const { redeem } = await obtainCode(server)
    const first = await redeem()
    expect(first.status).toBe(200)
    const { json: refreshed } = await refresh(server, first.json.refresh_token)
    server.elapse(seconds)
    expect(errorOf(await redeem())).toEqual(invalidGrant)
    expect(errorOf(await refresh(server, refreshed.refresh_token))).toEqual(invalidGrant)
  })
}

verifies('T10', 'a thief without the verifier cannot end the tokens by using the code again', async () => {
  await using server = await startAuthServer()
  const { redeem } = await obtainCode(server)
  const { json } = await redeem()
  server.elapse(10)
  expect(errorOf(await redeem({ code_verifier: createPkce().verifier }))).toEqual(invalidGrant)
  expect((await refresh(server, json.refresh_token)).status).toBe(200)
})

verifies('T11', 'of twenty parallel redemptions exactly one wins and stays good, and later reuse ends it', async () => {
  await using server = await startAuthServer()
  const { redeem } = await obtainCode(server)
  const answers = await Promise.all(Array.from({ length: 20 }, () => redeem()))
  const winners = answers.filter(({ status }) => status === 200)
  expect(winners).toHaveLength(1)
  for (const answer of answers.filter((each) => each !== winners[0])) expect(errorOf(answer)).toEqual(invalidGrant)

  const refreshed = await refresh(server, winners[0]?.json.refresh_token)
  expect(refreshed.status, refreshed.text).toBe(200)
  server.elapse(1)
  expect(errorOf(await redeem())).toEqual(invalidGrant)
  server.elapse(40)
  const again = await refresh(server, refreshed.json.refresh_token)
  expect(again.status, again.text).toBe(200)

  expect(errorOf(await redeem())).toEqual(invalidGrant)
  server.elapse(40)
  expect(errorOf(await refresh(server, again.json.refresh_token))).toEqual(invalidGrant)
})

verifies('T12', 'a code is worthless to another client, and stays good for its own', async () => {
  await using server = await startAuthServer()
  const { redeem } = await obtainCode(server)
  expect(errorOf(await redeem({ client_id: 'other-terminal' }))).toEqual(invalidGrant)
  expect(errorOf(await redeem({ client_id: website.client_id, client_secret: website.client_secret }))).toEqual(
    invalidGrant,
  )
  expect((await redeem()).status).toBe(200)
  expect(errorOf(await redeem({ client_id: 'other-terminal' }))).toEqual(invalidGrant)
})

verifies('T13', 'a code needs the very redirect address that it was asked for with', async () => {
  await using server = await startAuthServer()
  const { redeem, redirectUri } = await obtainCode(server)
  for (const other of [
    `${redirectUri}/`,
    redirectUri.replace('127.0.0.1', 'localhost'),
    redirectUri.replace('8917', '8918'),
    'https://evil.example/',
  ]) {
    expect([other, errorOf(await redeem({ redirect_uri: other }))]).toEqual([other, invalidGrant])
  }
  expect(errorOf(await redeem({ redirect_uri: '' }))).toEqual(invalidRequest)
  expect((await redeem()).status).toBe(200)
})

verifies('T14', 'a code is good for its minute and no longer', async () => {
  await using server = await startAuthServer()
  const [inTime, late] = [await obtainCode(server), await obtainCode(server)]
  server.elapse(59)
  expect((await inTime.redeem()).status).toBe(200)
  server.elapse(1)
  expect(errorOf(await late.redeem())).toEqual(invalidGrant)
  expect(server.config.lifetimes.authorizationCode).toBeLessThanOrEqual(60)
})

verifies(
  'T15',
  'a missing or wrong verifier is an invalid_grant, a malformed one an invalid_request, and none uses the code up',
  async () => {
    await using server = await startAuthServer()
    const { redeem, verifier } = await obtainCode(server)
    for (const wrong of [
      '',
      createPkce().verifier,
      `${verifier.slice(0, -1)}${verifier.endsWith('A') ? 'B' : 'A'}`,
      'x'.repeat(43),
      'x'.repeat(128),
    ]) {
      expect([wrong, errorOf(await redeem({ code_verifier: wrong }))]).toEqual([wrong, invalidGrant])
    }
    for (const malformed of [
      verifier.slice(0, 42),
      'x'.repeat(129),
      `${verifier.slice(1)} `,
      `${verifier.slice(1)}+`,
      `${verifier.slice(1)}é`,
    ]) {
      expect([malformed, errorOf(await redeem({ code_verifier: malformed }))]).toEqual([malformed, invalidRequest])
    }
    expect((await redeem()).status).toBe(200)
  },
)

verifies(
  'T16',
  'PKCE cannot be left out by any client, so that no code is there to which a verifier could be added',
  async () => {
    await using server = await startAuthServer()
    const browser = server.openBrowser()
    for (const client of [
      { client_id: 'terminal', redirect_uri: 'http://127.0.0.1/callback' },
      { client_id: website.client_id, redirect_uri: website.redirect_uris[0] },
    ]) {
      const { leftTo } = await browser.open(`/authorize?${new URLSearchParams({ ...client, response_type: 'code' })}`)
      expect(leftTo?.searchParams.get('error')).toBe('invalid_request')
    }
    const { redeem } = await obtainCode(server, {
      changes: { client_id: website.client_id, redirect_uri: website.redirect_uris[0] },
    })
    expect(errorOf(await redeem({ client_secret: website.client_secret, code_verifier: '' }))).toEqual(invalidGrant)
    expect((await redeem({ client_secret: website.client_secret })).status).toBe(200)
  },
)

verifies(
  'T17',
  'a resource that is not the granted one is an invalid_target, and does not use the code up',
  async () => {
    await using server = await startAuthServer()
    const { redeem } = await obtainCode(server)
    for (const resource of [
      'http://localhost:3000/other',
      'https://evil.example',
      'http://localhost:3000/mcp#x',
      '/mcp',
      'mcp',
      'http://u@localhost:3000/mcp',
    ]) {
      expect([resource, errorOf(await redeem({ resource }))]).toEqual([resource, refused(400, 'invalid_target')])
    }
    expect((await redeem()).status).toBe(200)
  },
)

verifies('T17', 'a refresh for another resource is an invalid_target, and does not use the token up', async () => {
  await using server = await startAuthServer()
  const { redeem } = await obtainCode(server)
  const { json } = await redeem()
  expect(errorOf(await refresh(server, json.refresh_token, { resource: 'http://localhost:3000/other' }))).toEqual(
    refused(400, 'invalid_target'),
  )
  server.elapse(40)
  expect((await refresh(server, json.refresh_token)).status).toBe(200)
})

verifies('T18', 'a token without a resource asked for is for the one there is, whatever the grant', async () => {
  await using server = await startAuthServer()
  const { redeem } = await obtainCode(server)
  const { json } = await redeem()
  const { json: refreshed } = await refresh(server, json.refresh_token)
  for (const { access_token: token } of [json, refreshed])
    expect(decodeJwt(token ?? '').aud).toBe('http://localhost:3000/mcp')
})

test('a confidential client needs its secret for a code that it got with PKCE', async () => {
  await using server = await startAuthServer()
  const { redeem } = await obtainCode(server, {
    changes: { client_id: website.client_id, redirect_uri: website.redirect_uris[0] },
  })
  expect(errorOf(await redeem())).toEqual(refused(401, 'invalid_client'))
  expect((await redeem({}, basic(website))).status).toBe(200)
})

provesSecrecy()
