// The issuer's clock and ours differ: by half a minute nobody notices; by more a caller is told, and so is the operator.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTokenIssuer, type TokenIssuer, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { createTokenVerifier } from './access-token.ts'
import { createGuard } from './guard.ts'
import { createRemoteKeySet } from './key-set.ts'

const resource = 'https://api.example.com/things'

let issuer: TokenIssuer

beforeAll(async () => {
  issuer = await createTokenIssuer()
})
afterAll(() => issuer[Symbol.asyncDispose]())

/** What a guard answers to a token of this moment, whose own clock is `ahead` by so many seconds. */
async function answerOf(ahead: number) {
  const now = Math.floor(Date.now() / 1000)
  const keys = createRemoteKeySet({ issuer: issuer.issuer })
  const clock = () => (now + ahead) * 1000
  const guard = createGuard({
    resource,
    issuer: issuer.issuer,
    scopes: ['things:read'],
    verifyAccessToken: createTokenVerifier({ issuer: issuer.issuer, resource, keys, clock }),
  })
  const token = await issuer.sign({ aud: resource, iat: now, nbf: now, exp: now + 60 })
  const admission = await guard.authenticate({ headers: [['authorization', `Bearer ${token}`]] })
  if ('caller' in admission) return { status: 200, challenge: '' }
  return { status: admission.answer.status, challenge: admission.answer.headers['www-authenticate'] ?? '' }
}

verifies('X21', 'half a minute is tolerated both ways', async () => {
  for (const ahead of [30, 0, -30]) expect((await answerOf(ahead)).status, `${ahead} s`).toBe(200)
  expect((await answerOf(89)).status, 'up to half a minute after the end').toBe(200)
})

verifies('X21', 'who comes with a token from the future is told that it is the clocks', async () => {
  for (const behind of [31, 600]) {
    const { status, challenge } = await answerOf(-behind)
    expect(status).toBe(401)
    expect(challenge).toContain('error="invalid_token"')
    expect(challenge).toContain('from the future: the clocks of its issuer and of this server differ')
  }
  const { status, challenge } = await answerOf(600)
  expect(status).toBe(401)
  expect(challenge).toContain('has expired')
})

verifies('X21', "the operator hears of a clock that differs from the issuer's at each load of the keys", async () => {
  let date: string | undefined
  let age: string | undefined
  await using endpoint = {
    server: createServer((_request, response) => {
      response.sendDate = false
      if (date !== undefined) response.setHeader('date', date)
      if (age !== undefined) response.setHeader('age', age)
      response.end(JSON.stringify({ keys: [issuer.publicJwk] }))
    }),
    [Symbol.asyncDispose]: async () => {
      endpoint.server.closeAllConnections()
      await new Promise((resolve) => endpoint.server.close(resolve))
    },
  }
  await new Promise<void>((resolve) => endpoint.server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(endpoint.server.address() as AddressInfo).port}`
  const differenceTo = async (theirs: number | string | undefined, inCaches?: number) => {
    date = typeof theirs === 'number' ? new Date(Date.now() + theirs * 1000).toUTCString() : theirs
    age = inCaches === undefined ? undefined : String(inCaches)
    const told: number[] = []
    const onClockDifference = (seconds: number) => void told.push(seconds)
    const keys = createRemoteKeySet({ issuer: issuer.issuer, url, onClockDifference })
    const token = await issuer.sign({ aud: resource })
    await createTokenVerifier({ issuer: issuer.issuer, resource, keys })(token)
    return told
  }
  for (const theirs of [0, 20, -20, undefined, 'yesterday']) expect(await differenceTo(theirs)).toEqual([])
  const [behind = 0] = await differenceTo(600)
  expect(behind).toBeGreaterThan(-620)
  expect(behind).toBeLessThan(-590)
  const [ahead = 0] = await differenceTo(-600)
  expect(ahead).toBeGreaterThan(590)
  expect(ahead).toBeLessThan(620)
  expect(await differenceTo(-600, 600), 'it was in a cache for so long').toEqual([])
})
