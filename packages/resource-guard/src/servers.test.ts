// One server of each kind, two resources in each: they answer alike.
import { createServer, request as nodeRequest, type RequestListener } from 'node:http'
import { createTokenIssuer, listen, type TokenIssuer, verifies } from '@gatehouse/testing'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requireBearer as expressBearer, type GuardedRequest, serveMetadata } from './express.ts'
import { requireBearer as fastifyBearer, resourceGuard } from './fastify.ts'
import { authorize, metadataResponse } from './fetch.ts'
import { createGuard, type Guard, type GuardOptions } from './guard.ts'

const things = 'https://api.example.com/things'
const orders = 'https://api.example.com/orders'

interface Guards {
  readonly things: Guard
  readonly orders: Guard
}
interface Running extends AsyncDisposable {
  readonly address: string
}
type Log = (line: unknown) => void

async function serve(listener: RequestListener): Promise<Running> {
  const { origin, stop } = await listen(createServer(listener))
  return { address: origin, [Symbol.asyncDispose]: stop }
}

const kinds: Readonly<Record<string, (guards: Guards, log: Log) => Promise<Running>>> = {
  async Fastify(guards, log) {
    const app = fastify({ logger: { stream: { write: log } } })
    await app.register(resourceGuard, { guard: guards.things })
    await app.register(resourceGuard, { guard: guards.orders })
    const read = fastifyBearer(guards.things, 'things:read')
    app.get('/things', { onRequest: read }, ({ caller }) => ({ hello: caller?.subject }))
    app.post('/things', { onRequest: fastifyBearer(guards.things, 'things:read', 'things:write') }, () => ({}))
    app.get('/orders', { onRequest: fastifyBearer(guards.orders) }, ({ caller }) => ({ hello: caller?.subject }))
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    return { address, [Symbol.asyncDispose]: () => app.close() }
  },

  async Express(guards, log) {
    const app = express()
    const bearer = (guard: Guard, ...scopes: string[]) => expressBearer(guard, scopes, { onRefusal: log })
    app.use(serveMetadata(guards.things, guards.orders))
    const greet: express.RequestHandler = (request, response) =>
      void response.json({ hello: (request as GuardedRequest<express.Request>).caller.subject })
    app.get('/things', bearer(guards.things, 'things:read'), greet)
    app.post('/things', bearer(guards.things, 'things:read', 'things:write'), greet)
    app.use('/orders', bearer(guards.orders), greet)
    return serve(app)
  },

  async Hono(guards, log) {
    const app = new Hono()
    app.use(async ({ req }, next) => metadataResponse([guards.things, guards.orders], req.raw) ?? (await next()))
    const greet = async (request: Request, guard: Guard, ...scopes: string[]) => {
      const caller = await authorize(guard, request, scopes, log)
      return caller instanceof Response ? caller : Response.json({ hello: caller.subject })
    }
    app.get('/things', ({ req }) => greet(req.raw, guards.things, 'things:read'))
    app.post('/things', ({ req }) => greet(req.raw, guards.things, 'things:read', 'things:write'))
    app.get('/orders', ({ req }) => greet(req.raw, guards.orders))
    return serve(getRequestListener(app.fetch))
  },
}

let issuer: TokenIssuer
beforeAll(async () => {
  issuer = await createTokenIssuer()
})
afterAll(() => issuer[Symbol.asyncDispose]())

describe.each(Object.entries(kinds))('%s', (kind, start) => {
  const log: string[] = []
  let server: Running

  beforeAll(async () => {
    const { issuer: name } = issuer
    const effectiveScopes = (granted: ReadonlySet<string>) =>
      granted.has('things:write') ? new Set([...granted, 'things:read']) : granted
    const scopes = ['things:read', 'things:write']
    const guards = {
      things: createGuard({ resource: things, issuer: name, scopes, resourceName: 'Things', effectiveScopes }),
      orders: createGuard({ resource: orders, issuer: name, scopes: [] }),
    }
    server = await start(guards, (line) => void log.push(typeof line === 'string' ? line : JSON.stringify(line)))
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const sign = (claims: Record<string, unknown> = {}) => issuer.sign({ aud: things, scope: 'things:read', ...claims })

  async function call(headers: Record<string, string> = {}, path = '/things', init: RequestInit = {}) {
    const response = await fetch(server.address + path, { ...init, headers })
    const text = await response.text()
    const body = text ? (JSON.parse(text) as Record<string, unknown>) : undefined
    return { response, status: response.status, challenge: response.headers.get('www-authenticate'), body }
  }
  const callAs = async (claims: Record<string, unknown>, path?: string, init?: RequestInit) =>
    call({ authorization: `Bearer ${await sign(claims)}` }, path, init)

  test('a caller with a good token passes, and the route knows who it is', async () => {
    const { status, body } = await callAs({ sub: 'dev:ada' })
    expect([status, body]).toEqual([200, { hello: 'dev:ada' }])
  })

  verifies('S4', 'a token is good at its own resource alone, of two in one process', async () => {
    expect((await callAs({ aud: orders, sub: 'dev:bob' }, '/orders')).body).toEqual({ hello: 'dev:bob' })
    expect((await callAs({ aud: orders })).status).toBe(401)
    const { status, challenge } = await callAs({ aud: things }, '/orders')
    expect(status).toBe(401)
    expect(challenge).toContain(
      'resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/orders"',
    )
  })

  verifies('S1', 'without a token the challenge says where to get one, and names no error', async () => {
    const { response, status, challenge, body } = await call()
    expect([status, body?.error]).toEqual([401, 'unauthorized'])
    expect(challenge).toBe(
      'Bearer resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/things", scope="things:read things:write"',
    )
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('access-control-expose-headers')).toBe('WWW-Authenticate, Retry-After')
  })

  verifies('S2', 'headers that hold no bearer token are refused', async () => {
    for (const authorization of ['garbage', 'Basic YTpi', 'Bearer', 'Bearer a b', 'Bearer a, Bearer b', 'Bearer x']) {
      const { status, challenge } = await call({ authorization })
      expect(status, authorization).toBe(401)
      expect(challenge).toMatch(
        /^Bearer error="invalid_token", error_description="[^"\\]+", resource_metadata="[^"]+", scope=/,
      )
    }
    const long = await fetch(`${server.address}/things`, {
      headers: { authorization: `Bearer ${'a'.repeat(100_000)}` },
    })
    expect(long.status, 'refused by Node, before there is a request').toBe(431)
  })

  verifies('S2', 'of two Authorization headers neither counts, even if one is good', async () => {
    const good = `Bearer ${await sign()}`
    const status = await new Promise((resolve, reject) => {
      const headers = ['Host', 'localhost', 'Authorization', good, 'Authorization', 'Bearer evil']
      const outgoing = nodeRequest(`${server.address}/things`, { headers }, (response) =>
        resolve(response.resume().statusCode),
      )
      outgoing.on('error', reject).end()
    })
    // Fetch joins them before anybody sees that there were two
    expect(status).toBe(kind === 'Hono' ? 401 : 400)
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
    const expired = await callAs({ exp: 1 })
    expect(expired.body).toEqual({ error: 'invalid_token', error_description: 'The access token has expired' })
    const answers = new Set<string>()
    for (const claims of [{ aud: 'https://elsewhere.example' }, { iss: 'https://evil.example' }, { sub: '' }])
      answers.add(JSON.stringify((await callAs(claims)).body))
    expect(answers.size).toBe(1)
    for (const reason of ['expired', 'audience', 'issuer', 'claims'])
      expect(log.join('')).toContain(`"reason":"${reason}"`)
  })

  test('a token that is bound to a key is not taken as a bearer token', async () => {
    for (const cnf of [{ jkt: 'thumbprint' }, { 'x5t#S256': 'thumbprint' }, {}, null, 'x']) {
      const { status, challenge } = await callAs({ cnf })
      expect(status).toBe(401)
      expect(challenge).toContain('error_description="The access token is bound to a key')
    }
  })

  verifies('S13', 'a missing scope is a 403 that names all that the operation needs', async () => {
    const { status, challenge, body } = await callAs({}, '/things', { method: 'POST' })
    expect([status, body?.error]).toEqual([403, 'insufficient_scope'])
    expect(challenge).toMatch(/^Bearer error="insufficient_scope", error_description="[^"]+", /)
    expect(challenge).toContain('scope="things:read things:write"')
    expect((await callAs({ scope: 'things:write' }, '/things', { method: 'POST' })).status).toBe(200)
  })

  verifies(
    'M21',
    'each document is where its resource puts it, whatever the Host; none is at the root of two',
    async () => {
      for (const [path, resource] of [
        ['things', things],
        ['orders', orders],
      ] as const) {
        const { response, body } = await call(
          { forwarded: 'host=evil.example' },
          `/.well-known/oauth-protected-resource/${path}`,
        )
        expect(body).toMatchObject({
          resource,
          authorization_servers: [issuer.issuer],
          bearer_methods_supported: ['header'],
        })
        expect(response.headers.get('cache-control')).toBe('public, max-age=3600')
        expect(response.headers.get('access-control-allow-origin')).toBe('*')
        const url = `${server.address}/.well-known/oauth-protected-resource/${path}`
        const head = await fetch(url, { method: 'HEAD' })
        expect([head.status, await head.text()]).toEqual([200, ''])
        const preflight = await fetch(url, { method: 'OPTIONS' })
        expect(preflight.status).toBe(204)
        expect(preflight.headers.get('access-control-allow-headers')).toContain('*')
      }
      for (const path of ['', '/', '/other', '/things/', 'x'])
        expect((await fetch(`${server.address}/.well-known/oauth-protected-resource${path}`)).status, path).toBe(404)
    },
  )
})

describe('a guard', () => {
  const options: GuardOptions = { resource: things, issuer: 'https://as.example', scopes: [] }
  const request = { headers: [['Authorization', 'Bearer x']] as const }

  test('answers 503 for what is not the token’s fault, and says when to come back', async () => {
    const guard = createGuard({ ...options, verifyAccessToken: () => Promise.reject(new Error('no keys')) })
    const admission = await guard.authenticate(request)
    expect(admission).toMatchObject({
      answer: { status: 503, headers: { 'retry-after': '5' }, body: { error: 'temporarily_unavailable' } },
      error: new Error('no keys'),
    })
    expect(admission).not.toHaveProperty('answer.headers.www-authenticate')
  })

  test.each<[string, Partial<GuardOptions>]>([
    ['resource', { resource: '/things' }],
    ['resource', { resource: 'https://api.example.com/#x' }],
    ['scope', { scopes: ['offline_access'] }],
    ['scope', { scopes: ['a b'] }],
    ['issuer', { issuer: '' }],
  ])('with an impossible %s is not made', (word, wrong) => {
    expect(() => createGuard({ ...options, ...wrong })).toThrow(word)
  })
})
