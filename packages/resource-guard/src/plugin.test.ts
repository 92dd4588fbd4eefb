import { createTokenIssuer, type TokenIssuer, verifies } from '@gatehouse/testing'
import { type FastifyInstance, fastify } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTokenVerifier } from './access-token.ts'
import { createRemoteKeySet } from './key-set.ts'
import { type ResourceGuardOptions, resourceGuard } from './plugin.ts'

const resource = 'https://api.example.com/things'
const metadataUrl = 'https://api.example.com/.well-known/oauth-protected-resource/things'

let issuer: TokenIssuer
let app: FastifyInstance
let address: string
const log: string[] = []

beforeAll(async () => {
  issuer = await createTokenIssuer()
  const keys = createRemoteKeySet({ issuer: issuer.issuer })
  app = fastify({ logger: { stream: { write: (line: string) => void log.push(line) } } })
  await app.register(resourceGuard, {
    resource,
    authorizationServers: [issuer.issuer],
    scopes: ['things:read', 'things:write'],
    resourceName: 'Things',
    verifyAccessToken: createTokenVerifier({ issuer: issuer.issuer, resource, keys }),
    effectiveScopes: (granted) => (granted.has('things:write') ? new Set([...granted, 'things:read']) : granted),
  })
  app.get('/things', { onRequest: app.requireBearer('things:read') }, ({ caller }) => ({ hello: caller?.subject }))
  app.post('/things', { onRequest: app.requireBearer('things:read', 'things:write') }, () => ({ done: true }))
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, _body, done) =>
    done(null),
  )
  address = await app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await app.close()
  await issuer[Symbol.asyncDispose]()
})

const sign = (claims: Record<string, unknown> = {}) => issuer.sign({ aud: resource, scope: 'things:read', ...claims })

async function call(headers: Record<string, string> = {}, path = '/things', init: RequestInit = {}) {
  const response = await fetch(address + path, { ...init, headers })
  const challenge = response.headers.get('www-authenticate')
  return { response, status: response.status, challenge, body: (await response.json()) as Record<string, unknown> }
}

test('a caller with a good token passes, and the route knows who it is', async () => {
  const { status, body } = await call({ authorization: `Bearer ${await sign({ sub: 'dev:ada' })}` })
  expect(status).toBe(200)
  expect(body).toEqual({ hello: 'dev:ada' })
})

verifies('S1', 'without a token the challenge says where to get one, and names no error', async () => {
  const { response, status, challenge, body } = await call()
  expect(status).toBe(401)
  expect(challenge).toBe(`Bearer resource_metadata="${metadataUrl}", scope="things:read things:write"`)
  expect(body.error).toBe('unauthorized')
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('access-control-expose-headers')).toBe('WWW-Authenticate')
})

verifies('S2', 'headers that hold no bearer token are refused', async () => {
  for (const authorization of [
    'garbage',
    'Basic YTpi',
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a, Bearer b',
    'Bearer x',
  ]) {
    const { status, challenge } = await call({ authorization })
    expect(status, authorization).toBe(401)
    expect(challenge).toMatch(
      /^Bearer error="invalid_token", error_description="[^"\\]+", resource_metadata="[^"]+", scope=/,
    )
  }
  // A token that is too long is refused by Node, before there is a request.
  const long = await fetch(`${address}/things`, { headers: { authorization: `Bearer ${'a'.repeat(100_000)}` } })
  expect(long.status).toBe(431)
})

verifies('S2', 'two Authorization headers are an invalid request, even if one is good', async () => {
  const good = `Bearer ${await sign()}`
  const { request } = await import('node:http')
  const status = await new Promise((resolve, reject) => {
    const headers = ['Host', 'localhost', 'Authorization', good, 'Authorization', 'Bearer evil']
    const outgoing = request(`${address}/things`, { headers }, (response) => resolve(response.resume().statusCode))
    outgoing.on('error', reject).end()
  })
  expect(status).toBe(400)
})

verifies('S3', 'a token in the query or in a form is not looked at', async () => {
  const token = await sign({ scope: 'things:read things:write' })
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const query = await call({}, `/things?access_token=${token}`)
  const body = await call(form, '/things', { method: 'POST', body: `access_token=${token}` })
  for (const { status, challenge } of [query, body]) {
    expect(status).toBe(401)
    expect(challenge).not.toContain('error')
  }
})

test('a refused token learns no more than it must, and the log why', async () => {
  const expired = await call({ authorization: `Bearer ${await sign({ exp: 1 })}` })
  expect(expired.body).toEqual({ error: 'invalid_token', error_description: 'The access token has expired' })
  const answers = []
  for (const claims of [{ aud: 'https://elsewhere.example' }, { iss: 'https://evil.example' }, { sub: '' }]) {
    answers.push((await call({ authorization: `Bearer ${await sign(claims)}` })).body)
  }
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  for (const reason of ['expired', 'audience', 'issuer', 'claims'])
    expect(log.join('')).toContain(`"reason":"${reason}"`)
})

verifies('S13', 'a missing scope is a 403 that names all that the operation needs', async () => {
  const { status, challenge, body } = await call({ authorization: `Bearer ${await sign()}` }, '/things', {
    method: 'POST',
  })
  expect(status).toBe(403)
  expect(challenge).toMatch(/^Bearer error="insufficient_scope", error_description="[^"]+", /)
  expect(challenge).toContain('scope="things:read things:write"')
  expect(challenge).toContain(`resource_metadata="${metadataUrl}"`)
  expect(body.error).toBe('insufficient_scope')
  const write = await sign({ scope: 'things:write' })
  expect((await call({ authorization: `Bearer ${write}` }, '/things', { method: 'POST' })).status).toBe(200)
})

test('what is not the token’s fault is a 503, and says when to come back', async () => {
  const broken = fastify()
  const verifyAccessToken = () => Promise.reject(new Error('no keys'))
  await broken.register(resourceGuard, {
    resource,
    authorizationServers: [issuer.issuer],
    scopes: [],
    verifyAccessToken,
  })
  broken.get('/things', { onRequest: broken.requireBearer() }, () => ({}))
  const response = await broken.inject({ url: '/things', headers: { authorization: 'Bearer x' } })
  expect(response.statusCode).toBe(503)
  expect(response.headers['retry-after']).toBe('5')
  expect(response.headers['www-authenticate']).toBeUndefined()
  expect(response.json().error).toBe('temporarily_unavailable')
  expect((await broken.inject({ url: '/things' })).statusCode).toBe(401)
})

verifies('M21', 'the metadata is the same at both locations, whatever the Host', async () => {
  for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/things']) {
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' }
    const response = await app.inject({ url: path, headers })
    expect(response.json()).toEqual({
      resource,
      authorization_servers: [issuer.issuer],
      scopes_supported: ['things:read', 'things:write'],
      bearer_methods_supported: ['header'],
      resource_name: 'Things',
    })
    expect(response.headers['cache-control']).toBe('public, max-age=3600')
    expect(response.headers['access-control-allow-origin']).toBe('*')
    const head = await app.inject({ method: 'HEAD', url: path })
    expect([head.statusCode, head.body]).toEqual([200, ''])
    const preflight = await app.inject({ method: 'OPTIONS', url: path })
    expect(preflight.statusCode).toBe(204)
    expect(preflight.headers['access-control-allow-headers']).toContain('*')
  }
})

test('a resource without a path has one location', async () => {
  const bare = fastify()
  await bare.register(resourceGuard, {
    resource: 'https://api.example.com',
    authorizationServers: [issuer.issuer],
    scopes: [],
    verifyAccessToken: () => Promise.reject(new Error()),
  })
  const { resource: named } = (await bare.inject('/.well-known/oauth-protected-resource')).json()
  expect(named).toBe('https://api.example.com')
})

test.each<[string, Partial<ResourceGuardOptions>]>([
  ['resource', { resource: '/things' }],
  ['resource', { resource: 'https://api.example.com/#x' }],
  ['scope', { scopes: ['offline_access'] }],
  ['scope', { scopes: ['a b'] }],
  ['authorizationServers', { authorizationServers: [] as unknown as [string] }],
])('a guard with an impossible %s does not start', async (word, wrong) => {
  const verifyAccessToken = () => Promise.reject(new Error())
  const options = { resource, authorizationServers: ['https://as.example'] as const, scopes: [], verifyAccessToken }
  const starting = fastify().register(resourceGuard, { ...options, ...wrong })
  await expect(starting).rejects.toThrow(word)
})
