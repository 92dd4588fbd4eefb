// A token that is known again is answered as one that is verified: two verifiers, one of which remembers nothing, are asked
// the same at the same time, while the clock and the keys move.
import { createTokenIssuer } from '@gatehouse/testing'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, type JWTVerifyGetKey } from 'jose'
import { expect, test, vi } from 'vitest'
import { createTokenVerifier } from './access-token.ts'
import { createRemoteKeySet } from './key-set.ts'

const resource = 'https://api.example.com/mcp'

/** The same numbers in every run. */
function createRandom(seed: number) {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Keys as from the remote set, which count how often somebody asks for one: how often a signature is verified. */
function counted(keys: ReturnType<typeof createRemoteKeySet>) {
  const ask = vi.fn(keys)
  return Object.assign(ask, { generation: keys.generation })
}

async function setUp({ remembered }: { readonly remembered?: number } = {}) {
  const issuer = await createTokenIssuer()
  const now = Math.floor(Date.now() / 1000)
  const time = { seconds: now }
  const clock = () => time.seconds * 1000
  const remote = createRemoteKeySet({
    issuer: issuer.issuer,
    url: issuer.jwksUrl,
    cooldown: 0,
    retryAfter: 0,
    maxAge: 60_000,
  })
  const keys = counted(remote)
  const options = { issuer: issuer.issuer, resource, clock }
  const verify = createTokenVerifier({ ...options, keys, ...(remembered !== undefined && { remembered }) })
  const plainly = createTokenVerifier({ ...options, keys: remote, remembered: 0 })
  return { issuer, now, time, keys, verify, plainly, [Symbol.asyncDispose]: () => issuer[Symbol.asyncDispose]() }
}

async function lookUp(keys: JWTVerifyGetKey, kid = ''): Promise<void> {
  await keys({ alg: 'ES256', kid }, { payload: '', signature: '' })
}

type Verify = ReturnType<typeof createTokenVerifier>

/** What comes of a token, in a form to compare. */
function outcome(verify: Verify, token: string): Promise<unknown> {
  return verify(token).then(
    (caller) => ({ ...caller, scopes: [...caller.scopes] }),
    (error) => ({ code: error.code, reason: error.reason, message: String(error) }),
  )
}

test('a token is verified once, and again when the keys changed', async () => {
  await using parts = await setUp()
  const { issuer, verify, keys } = parts
  const token = await issuer.sign({ aud: resource })
  for (let count = 0; count < 5; count += 1) await verify(token)
  // the first time the keys are loaded, and what is verified meanwhile is not remembered
  expect(keys.mock.calls.length).toBeLessThanOrEqual(2)

  const other = {
    ...(await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey)),
    kid: 'other',
  }
  issuer.answerKeysWith({ status: 200, body: JSON.stringify({ keys: [other] }) })
  const unknown = await issuer.sign({ aud: resource }, { header: { kid: 'unknown' } })
  await expect(verify(unknown)).rejects.toMatchObject({ reason: 'unknown_key' }) // which loads the keys
  await expect(verify(token)).rejects.toMatchObject({ reason: 'unknown_key' })
})

test('a token that is remembered ends when it expires, and is from the future when the clock is set back', async () => {
  await using parts = await setUp()
  const { issuer, verify, keys, time, now } = parts
  const token = await issuer.sign({ aud: resource, iat: now, nbf: now, exp: now + 60 })
  await verify(token)
  await verify(token)
  await verify(token)
  const asked = keys.mock.calls.length
  time.seconds = now + 89
  await expect(verify(token)).resolves.toHaveProperty('subject')
  time.seconds = now - 30
  await expect(verify(token)).resolves.toHaveProperty('subject')
  expect(keys.mock.calls.length).toBe(asked)
  time.seconds = now + 90
  await expect(verify(token)).rejects.toMatchObject({ reason: 'expired' })
  time.seconds = now - 31
  await expect(verify(token)).rejects.toMatchObject({ reason: 'not_yet' })
})

test('what one caller does to what it got is nothing to the next', async () => {
  await using parts = await setUp()
  const { issuer, verify } = parts
  const token = await issuer.sign({ aud: resource, scope: 'a', groups: ['staff'], nested: { list: [1] } })
  await verify(token)
  const { scopes, groups, claims } = await verify(token)
  ;(scopes as Set<string>).add('b')
  ;(groups as string[]).push('finance')
  expect(() => Object.assign(claims, { sub: 'github:1' })).toThrow(TypeError)
  expect(() => (claims.nested as { list: number[] }).list.push(2)).toThrow(TypeError)
  const next = await verify(token)
  expect([[...next.scopes], next.groups, next.subject]).toEqual([['a'], ['staff'], 'dev:ada'])
})

test('only so many are remembered, the newest', async () => {
  await using parts = await setUp({ remembered: 3 })
  const { issuer, verify, keys } = parts
  const tokens = await Promise.all(Array.from({ length: 5 }, () => issuer.sign({ aud: resource })))
  const [first = ''] = tokens
  await verify(first) // the keys are there from now on
  for (const token of tokens) await verify(token)
  const asked = keys.mock.calls.length
  for (const token of tokens.slice(-3)) await verify(token)
  expect(keys.mock.calls.length).toBe(asked)
  await verify(first)
  expect(keys.mock.calls.length).toBe(asked + 1)
})

test('a token that was verified with keys from before a change is not remembered with those after it', async () => {
  await using parts = await setUp()
  const { issuer, keys } = parts
  const other = await generateKeyPair('ES256', { extractable: true })
  const otherJwk = { ...(await exportJWK(other.publicKey)), kid: 'other' }
  const before = await issuer.sign({ aud: resource })
  const after = await issuer.sign({ aud: resource }, { key: other.privateKey, header: { kid: 'other' } })

  let held = true
  const slow: typeof keys = Object.assign(async (...look: Parameters<typeof keys>) => {
    const key = await keys(...look)
    if (!held) return key
    held = false
    issuer.answerKeysWith({ status: 200, body: JSON.stringify({ keys: [otherJwk] }) })
    await expect(verify(after)).resolves.toHaveProperty('subject') // which loads the new keys
    await expect(verify(after)).resolves.toHaveProperty('subject') // and is remembered with them
    return key
  }, keys)
  const verify = createTokenVerifier({ issuer: issuer.issuer, resource, keys: slow })
  await lookUp(keys, issuer.publicJwk.kid) // the first load
  await expect(verify(before)).resolves.toHaveProperty('subject')
  await expect(verify(before)).rejects.toMatchObject({ reason: 'unknown_key' })
})

test('keys that are being loaded have no generation: old ones may still answer', async () => {
  await using parts = await setUp()
  const { keys, issuer } = parts
  expect(keys.generation()).toBeUndefined()
  await lookUp(keys, issuer.publicJwk.kid)
  const generation = keys.generation()
  expect(generation).toBeTypeOf('number')
  const load = lookUp(keys, 'unknown').catch(() => {})
  await new Promise(setImmediate)
  expect(keys.generation()).toBeUndefined()
  await load
  expect(keys.generation(), 'the same keys').toBe(generation)
})

test('of thousands of requests each is answered as if nothing were remembered', async () => {
  await using parts = await setUp({ remembered: 40 })
  const { issuer, verify, plainly, keys, time, now } = parts
  const random = createRandom(20_261_127)
  const pick = <Value>(values: readonly Value[]) => values[random(values.length)] as Value

  const second = await generateKeyPair('ES256', { extractable: true })
  const secondJwk: JWK = { ...(await exportJWK(second.publicKey)), alg: 'ES256', use: 'sig' }
  secondJwk.kid = await calculateJwkThumbprint(secondJwk)
  const keySets = [[issuer.publicJwk], [secondJwk], [issuer.publicJwk, secondJwk]]

  const tokens: string[] = []
  for (let index = 0; index < 60; index += 1) {
    const claims = {
      sub: pick(['github:1', 'google:2', 'dev:ada', 'robot', 'github:3', '', 7]),
      aud: pick([resource, resource, resource, resource, [resource], `${resource}/`]),
      iat: now + pick([-600, -60, 0, 20, 60]),
      exp: now + pick([-40, 20, 60, 60, 600, 600]),
      nbf: pick([undefined, undefined, undefined, now, now - 60, now + 60, 'soon']),
      scope: pick(['a b', 'a', '', undefined, 'a  b']),
      groups: pick([undefined, ['staff'], [1, 'finance']]),
    }
    const signed = random(2) === 0 ? { key: second.privateKey, header: { kid: secondJwk.kid } } : {}
    tokens.push(await issuer.sign(claims, signed))
  }
  const spellings = [(token: string) => token, (token: string) => token, (token: string) => `${token}=`, damaged]
  function damaged(token: string): string {
    const at = random(token.length)
    return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
  }

  let known = 0
  const seen = new Map<string, number>()
  for (let count = 0; count < 3_000; count += 1) {
    if (random(10) === 0) time.seconds = now + pick([-90, -31, -30, 0, 0, 0, 0, 0, 49, 50, 89, 90, 300, 700])
    if (random(500) === 0) {
      issuer.answerKeysWith({ status: 200, body: JSON.stringify({ keys: pick(keySets) }) })
      await plainly(await issuer.sign({ aud: resource }, { header: { kid: 'unknown' } })).catch(() => {})
    }
    const token = pick(spellings)(pick(tokens))
    const asked = keys.mock.calls.length
    const [remembering, other] = [await outcome(verify, token), await outcome(plainly, token)]
    expect(remembering).toEqual(other)
    const key = (other as { readonly reason?: string }).reason ?? 'accepted'
    if (key === 'accepted' && keys.mock.calls.length === asked) known += 1
    seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  for (const reason of [
    'accepted',
    'expired',
    'not_yet',
    'audience',
    'claims',
    'time',
    'signature',
    'malformed',
    'unknown_key',
  ])
    expect([reason, seen.get(reason) ?? 0]).not.toEqual([reason, 0])
  // it did remember: most that were accepted were not verified
  expect(known).toBeGreaterThan((seen.get('accepted') ?? 0) / 2)
})
