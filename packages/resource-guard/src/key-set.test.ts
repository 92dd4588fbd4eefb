import { createServer, type RequestListener } from 'node:http'
import { createTokenIssuer, listen, type TokenIssuer } from '@gatehouse/testing'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTokenVerifier } from './access-token.ts'
import type { IssuerError } from './errors.ts'
import { createRemoteKeySet, type RemoteKeySetOptions } from './key-set.ts'

const resource = 'https://api.example.com/mcp'
const minute = 60_000
const hour = 60 * minute

let issuer: TokenIssuer
let failures: IssuerError[]

beforeEach(async () => {
  // Ages are of the monotonic clock, jose's cooldown of the other. Real timers: the network is real.
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  issuer = await createTokenIssuer()
  failures = []
})
afterEach(async () => {
  vi.useRealTimers()
  await issuer[Symbol.asyncDispose]()
})

const elapse = (milliseconds: number) => vi.advanceTimersByTime(milliseconds)

function setUp(options: Partial<RemoteKeySetOptions> = {}) {
  const keys = createRemoteKeySet({
    issuer: issuer.issuer,
    url: issuer.jwksUrl,
    timeout: 300,
    onFailure: (error) => failures.push(error),
    ...options,
  })
  const verify = createTokenVerifier({ issuer: issuer.issuer, resource, keys })
  return { keys, judge: (token: string) => verify(token).then(() => 'accepted', outcome) }
}

/** `invalid_token` is the token's fault, anything else ours. */
const outcome = (error: { code?: string }) => error.code ?? String(error)

/** A token for this moment of the faked clock. */
const sign = (options?: Parameters<TokenIssuer['sign']>[1]) => issuer.sign({ aud: resource }, options)

/** A server that answers as told, for what the fake issuer does not do. */
async function serve(answer: RequestListener) {
  const server = createServer(answer)
  const { origin, stop } = await listen(server)
  return {
    url: origin,
    [Symbol.asyncDispose]: stop,
  }
}

async function otherKey(kid: string): Promise<JWK> {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  return { ...(await exportJWK(publicKey)), kid }
}

test('keys are loaded once for many tokens', async () => {
  const { judge } = setUp()
  const tokens = await Promise.all(Array.from({ length: 20 }, () => sign()))
  expect(await Promise.all(tokens.map(judge))).toEqual(tokens.map(() => 'accepted'))
  expect(issuer.keyRequests()).toBe(1)
})

const uselessAnswers = {
  'an error': { status: 500, body: 'oops' },
  'a web page': { status: 200, body: '<!doctype html><p>Down for maintenance' },
  'no keys': { status: 200, body: '{"keys":[]}' },
  'keys of another kind': {
    status: 200,
    body: '{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA","n":"AQ","e":"AQAB"},null]}',
  },
  'a key that is not one': { status: 200, body: '{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}' },
  'no key set': { status: 200, body: '[]' },
  null: { status: 200, body: 'null' },
  'too much': { status: 200, body: `{"keys":[],"padding":"${'x'.repeat(300_000)}"}` },
  nothing: { status: 204 },
}

test.each(Object.entries(uselessAnswers))(
  'before there are keys, %s is our fault and not the token’s',
  async (_, answer) => {
    const { keys, judge } = setUp()
    issuer.answerKeysWith(answer)
    expect(keys.ready()).toBe(false)
    expect(await judge(await sign())).toBe('issuer_unavailable')
    expect(failures).toHaveLength(1)

    issuer.answerKeysWith(undefined)
    elapse(6_000)
    expect(await judge(await sign())).toBe('accepted')
    expect(keys.ready()).toBe(true)
  },
)

test.each(Object.entries(uselessAnswers))('known keys survive %s', async (_, answer) => {
  const { keys, judge } = setUp()
  expect(await judge(await sign())).toBe('accepted')
  issuer.answerKeysWith(answer)
  for (const wait of [11 * minute, hour, 22 * hour]) {
    elapse(wait)
    expect(await judge(await sign())).toBe('accepted')
    expect(keys.ready()).toBe(true)
  }
  await vi.waitFor(() => expect(failures.length).toBeGreaterThanOrEqual(2))
})

test('keys serve for 24 hours without the issuer, and no longer', async () => {
  const { keys, judge } = setUp()
  expect(await judge(await sign())).toBe('accepted')
  await issuer[Symbol.asyncDispose]()
  elapse(24 * hour - 1)
  expect(await judge(await sign())).toBe('accepted')
  elapse(6_000)
  expect(await judge(await sign())).toBe('issuer_unavailable')
  expect(keys.ready()).toBe(false)
  expect(failures.at(-1)?.message).toContain('ECONNREFUSED')
})

test('an issuer that hangs costs one bounded wait, not one a request', async () => {
  let hanging = false
  await using endpoint = await serve((_request, response) => {
    if (!hanging) response.end(JSON.stringify({ keys: [issuer.publicJwk] }))
  })
  const { judge } = setUp({ url: endpoint.url })
  expect(await judge(await sign())).toBe('accepted')
  hanging = true
  elapse(11 * minute)
  const started = process.hrtime.bigint()
  for (let i = 0; i < 20; i += 1) {
    expect(await judge(await sign())).toBe('accepted')
    elapse(10_000)
  }
  expect(Number(process.hrtime.bigint() - started) / 1e6).toBeLessThan(3 * 300)
  expect(failures[0]?.message).toMatch(/in time/)
})

test('an issuer that answers byte by byte is given up in time', async () => {
  await using endpoint = await serve((_request, response) => {
    response.writeHead(200)
    const drip = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(drip))
  })
  const { judge } = setUp({ url: endpoint.url })
  expect(await judge(await sign())).toBe('issuer_unavailable')
  expect(failures[0]?.message).toMatch(/in time/)
})

test('a redirect is not followed', async () => {
  await using endpoint = await serve((_request, response) =>
    response.writeHead(302, { location: issuer.jwksUrl }).end(),
  )
  const { judge } = setUp({ url: endpoint.url })
  expect(await judge(await sign())).toBe('issuer_unavailable')
  expect(issuer.keyRequests()).toBe(0)
})

test('an unknown key id is looked up once in 30 seconds, and is then the token’s fault', async () => {
  const { judge } = setUp()
  expect(await judge(await sign())).toBe('accepted')
  const unknown = await sign({ header: { kid: 'unknown' } })
  for (let i = 0; i < 10; i += 1) expect(await judge(unknown)).toBe('invalid_token')
  expect(issuer.keyRequests()).toBe(1)
  elapse(31_000)
  for (let i = 0; i < 10; i += 1) expect(await judge(await sign({ header: { kid: 'unknown' } }))).toBe('invalid_token')
  expect(issuer.keyRequests()).toBe(2)
})

test('an unknown key id is our fault while the issuer cannot be asked', async () => {
  const { judge } = setUp()
  expect(await judge(await sign())).toBe('accepted')
  issuer.answerKeysWith({ status: 500 })
  elapse(31_000)
  for (let i = 0; i < 5; i += 1)
    expect(await judge(await sign({ header: { kid: 'unknown' } }))).toBe('issuer_unavailable')
  expect(issuer.keyRequests()).toBe(2)
  expect(await judge(await sign())).toBe('accepted')
})

test('a new key is found at once', async () => {
  const { judge } = setUp()
  expect(await judge(await sign())).toBe('accepted')
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const next = { ...(await exportJWK(publicKey)), kid: 'next' }
  issuer.answerKeysWith({ status: 200, body: JSON.stringify({ keys: [issuer.publicJwk, next] }) })
  elapse(31_000)
  expect(await judge(await sign({ key: privateKey, header: { kid: 'next' } }))).toBe('accepted')
  expect(await judge(await sign())).toBe('accepted')
})

test('a withdrawn key is refused after ten minutes, even if nothing was asked in between', async () => {
  const { judge } = setUp()
  expect(await judge(await sign())).toBe('accepted')
  issuer.answerKeysWith({ status: 200, body: JSON.stringify({ keys: [await otherKey('other')] }) })
  elapse(10 * minute + 1)
  expect(await judge(await sign())).toBe('invalid_token')
})

test.each([
  ['public, max-age=300', undefined, 300],
  ['max-age=300', '100', 200],
  ['MAX-AGE="300"', undefined, 300],
  ['max-age=86400', undefined, 600],
  ['s-maxage=30', undefined, 600],
  ['max-age=10', '60', 2],
  ['no-store', undefined, 2],
  [undefined, undefined, 600],
])(
  'an issuer that says %s, with an age of %s, has its keys loaded again after %i seconds',
  async (control, age, seconds) => {
    let requests = 0
    let keys = [issuer.publicJwk]
    await using endpoint = await serve((_request, response) => {
      requests += 1
      if (control !== undefined) response.setHeader('cache-control', control)
      if (age !== undefined) response.setHeader('age', age)
      response.end(JSON.stringify({ keys }))
    })
    const { judge } = setUp({ url: endpoint.url })
    expect(await judge(await sign())).toBe('accepted')
    keys = [await otherKey('other')]
    elapse((seconds * 1_000) / 2)
    expect(await judge(await sign())).toBe('accepted')
    expect(requests).toBe(1)
    elapse((seconds * 1_000) / 2 + 1)
    expect(await judge(await sign())).toBe('invalid_token')
    expect(requests).toBe(2)
  },
)

test('what the issuer says of its keys does not shorten for how long they serve while it is away', async () => {
  let isAway = false
  await using endpoint = await serve((_request, response) => {
    response.statusCode = isAway ? 500 : 200
    response.setHeader('cache-control', 'max-age=60').end(JSON.stringify({ keys: [issuer.publicJwk] }))
  })
  const { judge } = setUp({ url: endpoint.url })
  expect(await judge(await sign())).toBe('accepted')
  isAway = true
  for (const wait of [minute + 1, hour, 22 * hour]) {
    elapse(wait)
    expect(await judge(await sign())).toBe('accepted')
  }
})

test('a key id that is there twice, or private members, are not taken over', async () => {
  const { judge } = setUp()
  issuer.answerKeysWith({ status: 200, body: JSON.stringify({ keys: [await otherKey('a'), await otherKey('a')] }) })
  expect(await judge(await sign())).toBe('issuer_unavailable')
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const leaked = { ...(await exportJWK(privateKey)), kid: 'leaked' }
  issuer.answerKeysWith({ status: 200, body: JSON.stringify({ keys: [leaked] }) })
  elapse(6_000)
  expect(await judge(await sign({ key: privateKey, header: { kid: 'leaked' } }))).toBe('accepted')
})

test('a probe alone brings the keys back', async () => {
  const { keys } = setUp()
  issuer.answerKeysWith({ status: 500 })
  expect(keys.ready()).toBe(false)
  await vi.waitFor(() => expect(failures).toHaveLength(1))
  issuer.answerKeysWith(undefined)
  elapse(6_000)
  expect(keys.ready()).toBe(false)
  await vi.waitFor(() => expect(keys.ready()).toBe(true))
})

test('without an address the keys are where the issuer’s metadata says', async () => {
  const { judge } = setUp({ url: undefined })
  expect(await judge(await sign())).toBe('accepted')
  expect(issuer.keyRequests()).toBe(1)
})

test('an issuer that has only OpenID discovery will do, and a path in its name', async () => {
  const asked: string[] = []
  await using endpoint = await serve((request, response) => {
    asked.push(request.url ?? '')
    if (request.url !== '/realm/.well-known/openid-configuration') return void response.writeHead(404).end()
    response.end(JSON.stringify({ issuer: `${endpoint.url}/realm`, jwks_uri: issuer.jwksUrl }))
  })
  const { keys } = setUp({ issuer: `${endpoint.url}/realm`, url: undefined })
  keys.ready()
  await vi.waitFor(() => expect(keys.ready()).toBe(true))
  expect(asked).toEqual(['/.well-known/oauth-authorization-server/realm', '/realm/.well-known/openid-configuration'])
})

test.each([
  ['names another issuer', { issuer: 'https://evil.example' }],
  ['has no key set', { jwks_uri: undefined }],
  ['names something that is no address', { jwks_uri: 'file:///etc/passwd' }],
])('metadata that %s is refused', async (_, members) => {
  await using endpoint = await serve((_request, response) => {
    response.end(JSON.stringify({ issuer: endpoint.url, jwks_uri: issuer.jwksUrl, ...members }))
  })
  const { judge } = setUp({ issuer: endpoint.url, url: undefined })
  expect(await judge(await sign())).toBe('issuer_unavailable')
  expect(issuer.keyRequests()).toBe(0)
})
