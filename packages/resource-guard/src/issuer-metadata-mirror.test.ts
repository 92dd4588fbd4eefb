import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { IssuerError } from './errors.ts'
import { issuerMetadataPaths } from './issuer-metadata.ts'
import { type IssuerMetadataMirrorOptions, issuerMetadataMirror } from './issuer-metadata-mirror.ts'

const issuer = 'https://auth.example.com'
const resource = 'https://api.example.com/mcp'
/** With spaces of its own: a copy is a copy. */
const document = `{ "issuer": "${issuer}",\n  "token_endpoint": "${issuer}/token" }`

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

/** An issuer that answers as told, and a resource server that has copies of what it says. */
async function setUp(answer: RequestListener, options: Partial<IssuerMetadataMirrorOptions> = {}) {
  const asked: string[] = []
  const state = { answer }
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    state.answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const reachedAt = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const failures: IssuerError[] = []
  const app = fastify()
  await app.register(issuerMetadataMirror, {
    issuer,
    resource,
    reachedAt,
    timeout: 300,
    onFailure: (error) => failures.push(error),
    ...options,
  })
  return {
    app,
    asked,
    failures,
    answerWith: (next: RequestListener) => {
      state.answer = next
    },
    get: (path = '/.well-known/oauth-authorization-server') => app.inject(path),
    [Symbol.asyncDispose]: async () => {
      await app.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const publishes: RequestListener = (_request, response) => response.end(document)
const says =
  (status: number, body: string): RequestListener =>
  (_request, response) =>
    response.writeHead(status).end(body)

test('every place where clients look on the host of a resource has the document, byte for byte', async () => {
  await using mirror = await setUp(publishes)
  const paths = [
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/mcp',
    '/mcp/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    '/.well-known/openid-configuration/mcp',
    '/mcp/.well-known/openid-configuration',
  ]
  expect(Object.values(issuerMetadataPaths(resource)).flat()).toEqual(paths)
  for (const path of paths) {
    const response = await mirror.get(path)
    expect([response.statusCode, response.body], path).toEqual([200, document])
    expect(response.headers['content-type']).toMatch(/^application\/json/)
    expect(response.headers['cache-control']).toBe('public, max-age=600')
    expect(response.headers['access-control-allow-origin']).toBe('*')
    const head = await mirror.app.inject({ method: 'HEAD', url: path })
    expect([head.statusCode, head.body], path).toEqual([200, ''])
    const preflight = await mirror.app.inject({ method: 'OPTIONS', url: path })
    expect([preflight.statusCode, preflight.headers['access-control-allow-origin']], path).toEqual([204, '*'])
  }
  expect(mirror.asked).toEqual(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'])
})

test('a resource without a path has one place for each', () => {
  expect(Object.values(issuerMetadataPaths('https://api.example.com')).flat()).toEqual([
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
  ])
})

test('an issuer with a path is asked where its documents are', async () => {
  const tenant = `${issuer}/realms/a`
  await using mirror = await setUp(says(200, JSON.stringify({ issuer: tenant })), { issuer: tenant })
  await mirror.get()
  await mirror.get('/.well-known/openid-configuration')
  expect(mirror.asked).toEqual([
    '/.well-known/oauth-authorization-server/realms/a',
    '/realms/a/.well-known/openid-configuration',
  ])
})

test('what the issuer does not publish is not found here either', async () => {
  await using mirror = await setUp(says(404, 'no'))
  const response = await mirror.get()
  expect([response.statusCode, response.headers['access-control-allow-origin']]).toEqual([404, '*'])
  expect(mirror.failures).toEqual([])
})

test.each<[string, RequestListener]>([
  ['of another issuer', says(200, JSON.stringify({ issuer: `${issuer}/` }))],
  ['of no issuer', says(200, '{}')],
  ['that is HTML', says(200, '<html>')],
  ['that is an error', says(502, 'Bad gateway')],
  ['that is huge', says(200, `"${'x'.repeat(300_000)}"`)],
  ['that leads elsewhere', (_request, response) => response.writeHead(302, { location: 'https://evil.example' }).end()],
  ['that does not come', () => undefined],
])('an answer %s is not passed on', async (_title, answer) => {
  await using mirror = await setUp(answer)
  const response = await mirror.get()
  expect(response.statusCode).toBe(503)
  expect(response.headers).toMatchObject({ 'retry-after': '5', 'cache-control': 'no-store' })
  expect(mirror.failures).toHaveLength(1)
  // Not every request of an outage waits for it.
  await mirror.get()
  expect(mirror.asked).toHaveLength(1)
  vi.advanceTimersByTime(2_100)
  mirror.answerWith(publishes)
  expect((await mirror.get()).statusCode).toBe(200)
})

test('many requests cause one load, a new one only after ten minutes, and an outage of a day none that fails', async () => {
  await using mirror = await setUp(publishes)
  await Promise.all(Array.from({ length: 20 }, () => mirror.get()))
  expect(mirror.asked).toHaveLength(1)
  vi.advanceTimersByTime(599_000)
  await mirror.get()
  expect(mirror.asked).toHaveLength(1)
  vi.advanceTimersByTime(2_000)
  const changed = document.replace('/token', '/oauth/token')
  mirror.answerWith(says(200, changed))
  expect((await mirror.get()).body).toBe(changed)
  mirror.answerWith(says(500, ''))
  vi.advanceTimersByTime(23 * 3_600_000)
  expect((await mirror.get()).body).toBe(changed)
  vi.advanceTimersByTime(2 * 3_600_000)
  expect((await mirror.get()).statusCode).toBe(503)
})
