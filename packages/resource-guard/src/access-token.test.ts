import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTokenIssuer, type SignOptions, type TokenIssuer, verifies } from '@gatehouse/testing'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Caller, createTokenVerifier } from './access-token.ts'
import { createRemoteKeySet } from './key-set.ts'

const resource = 'https://api.example.com/mcp'
const now = Math.floor(Date.now() / 1000)

let issuer: TokenIssuer
let verify: (token: string) => Promise<Caller>
/** It verifies each token each time. */
let verifyPlainly: (token: string) => Promise<Caller>

beforeAll(async () => {
  issuer = await createTokenIssuer()
  const keys = createRemoteKeySet({ issuer: issuer.issuer, url: issuer.jwksUrl })
  verify = createTokenVerifier({ issuer: issuer.issuer, resource, keys })
  verifyPlainly = createTokenVerifier({ issuer: issuer.issuer, resource, keys, remembered: 0 })
})
afterAll(() => issuer[Symbol.asyncDispose]())

const sign = (claims: Record<string, unknown> = {}, options?: SignOptions) =>
  issuer.sign({ aud: resource, ...claims }, options)

/** A token with any header and claims at all, signed by the issuer's key. */
async function forge(header: Record<string, unknown>, claims: Record<string, unknown> = {}): Promise<string> {
  const good = await sign(claims)
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const members = { alg: 'ES256', typ: 'at+jwt', kid: issuer.publicJwk.kid, ...header }
  const signed = `${encode(members)}.${good.split('.')[1]}`
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  const signature = await crypto.subtle.sign(algorithm, issuer.privateKey, Buffer.from(signed))
  return `${signed}.${Buffer.from(signature).toString('base64url')}`
}

/** The private reason why a token is refused, or `accepted`: the same at once, again, and where nothing is remembered. */
async function judge(given: string | Promise<string>): Promise<string> {
  const token = await given
  const plainly = await judgeBy(verifyPlainly, token)
  expect([await judgeBy(verify, token), await judgeBy(verify, token)]).toEqual([plainly, plainly])
  return plainly
}

function judgeBy(by: typeof verify, token: string): Promise<string> {
  return by(token).then(
    () => 'accepted',
    (error) => (error.code === 'invalid_token' ? error.reason : `not the token's fault: ${error}`),
  )
}

test('a good token is its caller', async () => {
  const caller = await verify(await sign({ sub: 'github:1', client_id: 'c', scope: 'a b', jti: 'j', exp: now + 60 }))
  expect(caller).toMatchObject({ subject: 'github:1', clientId: 'c', expiresAt: now + 60, tokenId: 'j' })
  expect([...caller.scopes]).toEqual(['a', 'b'])
  expect(caller.claims.aud).toBe(resource)
  expect(caller.groups).toEqual([])
})

test('the groups of a caller are those that the token names; what is no name counts as none', async () => {
  const groupsOf = async (groups: unknown) => (await verify(await sign({ groups }))).groups
  expect(await groupsOf(['finance', 'staff'])).toEqual(['finance', 'staff'])
  expect(await groupsOf(['finance', 7, '', null, ['staff'], { name: 'admins' }])).toEqual(['finance'])
  for (const none of ['finance', { 0: 'finance', length: 1 }, 1, null, [[['finance']]]])
    expect([none, await groupsOf(none)]).toEqual([none, []])
})

test('a token without a scope claim has no scopes', async () => {
  const { scopes } = await verify(await sign({ scope: undefined }))
  expect(scopes.size).toBe(0)
})

verifies('S4', 'any audience but exactly this resource is refused', async () => {
  expect(await judge(sign({ aud: [resource] }))).toBe('accepted')
  const others = [
    `${resource}/`,
    `${resource}2`,
    'https://api.example.com/',
    'https://api.example.com',
    'HTTPS://api.example.com/mcp',
    'https://api.example.com:443/mcp',
    [resource, 'https://evil.example'],
    [[resource]],
    [],
    '',
    { [resource]: 1 },
    undefined,
  ]
  for (const aud of others) expect(await judge(sign({ aud })), JSON.stringify(aud)).toBe('audience')
})

verifies('S5', 'any issuer but exactly ours is refused', async () => {
  const { port } = new URL(issuer.issuer)
  const others = [
    `${issuer.issuer}/`,
    issuer.issuer.toUpperCase(),
    `http://127.0.0.1:${Number(port) + 1}`,
    'http://127.0.0.1',
    [issuer.issuer],
    undefined,
  ]
  for (const iss of others) expect(await judge(sign({ iss })), JSON.stringify(iss)).toBe('issuer')
})

verifies('S6', 'a JWT of another type is refused, an ID token above all', async () => {
  for (const typ of ['JWT', 'logout+jwt', 'dpop+jwt', 'at+jwt2', '', undefined]) {
    expect(await judge(sign({}, { header: { typ } })), String(typ)).toBe('type')
  }
  expect(await judge(forge({ typ: ['at+jwt'] }))).toBe('type')
  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt']) {
    expect(await judge(sign({}, { header: { typ } })), typ).toBe('accepted')
  }
})

verifies('S7', 'no other algorithm counts, whatever the header says', async () => {
  for (const alg of ['none', 'None', 'nOnE', 'HS256', 'RS256', 'PS256', 'ES384', 'ES512', 'EdDSA']) {
    expect(await judge(forge({ alg })), alg).toBe('algorithm')
  }
  const [header, payload] = (await forge({ alg: 'none' })).split('.')
  expect(await judge(`${header}.${payload}.`)).toBe('malformed')
  // The public key as the secret of an HMAC.
  const secret = Buffer.from(JSON.stringify(issuer.publicJwk))
  const hmac = await new SignJWT({ iss: issuer.issuer, aud: resource })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: issuer.publicJwk.kid as string })
    .sign(secret)
  expect(await judge(hmac)).toBe('algorithm')
  const foreign = await generateKeyPair('ES256')
  expect(await judge(sign({}, { key: foreign.privateKey }))).toBe('signature')
})

verifies(
  'S7',
  "a token that the issuer's key for ID tokens signed is refused, and the others are not the worse for that key",
  async () => {
    const idTokens = await generateKeyPair('RS256', { extractable: true })
    await using two = await createTokenIssuer()
    const rsa = { ...(await exportJWK(idTokens.publicKey)), kid: 'id-tokens', alg: 'RS256', use: 'sig' }
    two.answerKeysWith({ status: 200, body: JSON.stringify({ keys: [two.publicJwk, rsa] }) })
    const keys = createRemoteKeySet({ issuer: two.issuer, url: two.jwksUrl })
    const verifyAtTwo = createTokenVerifier({ issuer: two.issuer, resource, keys })
    const rs256 = { key: idTokens.privateKey, header: { alg: 'RS256', kid: 'id-tokens' } }
    await expect(verifyAtTwo(await two.sign({ aud: resource }, rs256))).rejects.toMatchObject({ reason: 'algorithm' })
    await expect(verifyAtTwo(await two.sign({ aud: resource }))).resolves.toHaveProperty('subject')
  },
)

verifies('S8', 'headers that change what the token means are refused', async () => {
  expect(await judge(forge({ crit: ['exp'], exp: now }))).toBe('header')
  expect(await judge(forge({ crit: ['b64'], b64: false }))).not.toBe('accepted')
  expect(await judge(forge({ crit: ['b64'], b64: true }))).toBe('header')
  expect(await judge(forge({ crit: [] }))).not.toBe('accepted')
  expect(await judge(forge({ b64: false }))).toBe('header')
  expect(await judge(forge({ zip: 'DEF' }))).toBe('header')
})

verifies('S9', 'keys and addresses inside a token are never used', async () => {
  let hits = 0
  const server = createServer((_request, response) => {
    hits += 1
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  try {
    const foreign = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(foreign.publicKey)
    for (const header of [{ jku: url }, { x5u: url }, { jwk }, { x5c: ['MIIB'] }]) {
      const name = Object.keys(header)[0]
      expect(await judge(sign({}, { key: foreign.privateKey, header })), name).toBe('signature')
      const { kid } = { ...jwk, kid: 'elsewhere' }
      expect(await judge(sign({}, { key: foreign.privateKey, header: { ...header, kid } })), name).toBe('unknown_key')
    }
    expect(hits).toBe(0)
  } finally {
    server.close()
  }
})

verifies('S10', 'odd key ids find no key, and no key id finds one only where there is one', async () => {
  const kids = ['../../dev/null', "' OR 1=1 --", 'https://evil.example/jwks', 'k'.repeat(10_240), '', '__proto__']
  for (const kid of kids) expect(await judge(forge({ kid })), kid.slice(0, 30)).toBe('unknown_key')
  for (const kid of [1, null, ['a'], {}]) expect(await judge(forge({ kid })), String(kid)).not.toBe('accepted')
  expect(await judge(sign({}, { header: { kid: undefined } }))).toBe('accepted')

  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  await using two = await createTokenIssuer()
  const second = { ...(await exportJWK(publicKey)), kid: 'second' }
  two.answerKeysWith({ status: 200, body: JSON.stringify({ keys: [two.publicJwk, second] }) })
  const keys = createRemoteKeySet({ issuer: two.issuer, url: two.jwksUrl })
  const verifyAtTwo = createTokenVerifier({ issuer: two.issuer, resource, keys })
  const named = await two.sign({ aud: resource })
  const nameless = await two.sign({ aud: resource }, { header: { kid: undefined } })
  await expect(verifyAtTwo(named)).resolves.toHaveProperty('subject')
  await expect(verifyAtTwo(nameless)).rejects.toMatchObject({ code: 'invalid_token' })
})

verifies('S11', 'the times of a token are numbers, and right within 30 seconds', async () => {
  const refused: readonly Record<string, unknown>[] = [
    { exp: now - 35 },
    { exp: undefined },
    { exp: String(now + 600) },
    { exp: 1e99 },
    { exp: 8_640_000_000_001 },
    { exp: now + 600.5 },
    { exp: -1 },
    { exp: null },
    { nbf: now + 60 },
    { nbf: 'soon' },
    { nbf: 1e99 },
    { iat: now + 60 },
    { iat: undefined },
    { iat: String(now) },
    { iat: -1e99 },
  ]
  for (const claims of refused) {
    expect(['expired', 'not_yet', 'time'], JSON.stringify(claims)).toContain(await judge(sign(claims)))
  }
  const accepted = [{ exp: now - 20 }, { nbf: now + 20 }, { iat: now + 20 }]
  for (const claims of accepted) expect(await judge(sign(claims)), JSON.stringify(claims)).toBe('accepted')
})

verifies('S12', 'a token has one spelling', async () => {
  const token = await sign()
  const [header = '', payload = '', signature = ''] = token.split('.')
  const last = signature.slice(-1)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const neighbour = alphabet[alphabet.indexOf(last) + 1] // the same bytes, other unused bits
  const spellings = [
    `${token}=`,
    `${token}==`,
    ` ${token}`,
    `${token}\n`,
    `${header}=.${payload}.${signature}`,
    `${header}.${payload}.${signature.slice(0, -1)}${neighbour}`,
    `${header}.${payload} .${signature}`,
    `${token}.`,
    `${token}.e30`,
    Buffer.from(signature, 'base64url').toString('base64').replace(/^/, `${header}.${payload}.`),
  ]
  for (const spelling of spellings) expect(await judge(spelling), spelling.slice(-20)).toBe('malformed')
})

test('claims that an access token must have are texts that say something', async () => {
  for (const name of ['sub', 'client_id', 'jti']) {
    for (const value of [undefined, '', 1, null, ['a'], {}]) {
      expect(await judge(sign({ [name]: value })), `${name}: ${JSON.stringify(value)}`).toBe('claims')
    }
  }
  for (const scope of [['a'], 1, 'a  b', ' a', 'a\nb', 'a"b', 'ä', {}]) {
    expect(await judge(sign({ scope })), JSON.stringify(scope)).toBe('claims')
  }
})

test('whatever is cut, swapped or added, a damaged token is refused as a token', async () => {
  const token = await sign()
  for (let i = 0; i < token.length; i += 7) {
    expect(await judge(token.slice(0, i)), `cut at ${i}`).not.toMatch(/accepted|fault/)
    const other = token[i] === 'A' ? 'B' : 'A'
    const damaged = `${token.slice(0, i)}${other}${token.slice(i + 1)}`
    expect(await judge(damaged), `changed at ${i}`).not.toMatch(/accepted|fault/)
  }
})
