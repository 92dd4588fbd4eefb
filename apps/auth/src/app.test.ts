import { rmSync } from 'node:fs'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { StoreUnavailableError } from './errors.ts'
import { createDataDir, startAuthServer } from './harness/auth-server.ts'
import { basic, robot } from './harness/clients.ts'
import { provesSecrecy } from './harness/evidence.ts'
import {
  approvedDevice,
  askAsDevice,
  authorizePath,
  createPkce,
  errorOf,
  logInOnDevice,
  obtainCode,
  refresh,
  refused,
} from './harness/flows.ts'
import type { Store } from './store/contract.ts'

test('a restart keeps keys, sessions, clients, codes and refresh tokens, and forgets no use', async () => {
  const dataDir = createDataDir()
  const first = await startAuthServer({ dataDir })
  const { port } = first
  const keys = (await first.get('/jwks')).json
  const browser = first.openBrowser()
  const code = await obtainCode(first, { browser })
  const usedCode = await obtainCode(first, { browser })
  await usedCode.redeem()
  const tokens = await logInOnDevice(first)
  const approved = await approvedDevice(first)
  const waiting = await askAsDevice(first)
  const { json: client } = await first.register({
    redirect_uris: ['http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'none',
  })
  await first[Symbol.asyncDispose]()

  await using second = await startAuthServer({ dataDir, port })
  expect((await second.get('/jwks')).json).toEqual(keys)
  const again = second.openBrowser({ headers: { cookie: toHeader(browser.cookies()) } })
  expect((await again.open(authorizePath(createPkce().challenge, { client_id: client.client_id }))).heading).toBe(
    'An app wants to use your account',
  )
  const redeemed = await second.token({
    grant_type: 'authorization_code',
    client_id: 'terminal',
    code: code.code,
    code_verifier: code.verifier,
    redirect_uri: code.redirectUri,
  })
  expect(redeemed.status, redeemed.text).toBe(200)
  second.elapse(3)
  const reused = await second.token({
    grant_type: 'authorization_code',
    client_id: 'terminal',
    code: usedCode.code,
    code_verifier: usedCode.verifier,
    redirect_uri: usedCode.redirectUri,
  })
  expect(errorOf(reused)).toEqual(refused(400, 'invalid_grant'))
  expect((await refresh(second, tokens.refresh_token)).status).toBe(200)
  const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'terminal' }
  expect((await second.token({ ...grant, device_code: approved.deviceCode })).status).toBe(200)
  expect(errorOf(await second.token({ ...grant, device_code: waiting.deviceCode }))).toEqual(
    refused(400, 'authorization_pending'),
  )
  expect((await second.openBrowser().enterCode(waiting.userCode)).status).toBe(200)
  rmSync(dataDir, { recursive: true, force: true })
})

test('a store that is away is a 503 that says when to come back, for people and clients, and no reason to lose a login', async () => {
  let away = false
  await using server = await startAuthServer({ wrapStore: (store) => failing(store, () => away) })
  const device = await approvedDevice(server)
  const browser = server.openBrowser()
  const { userCode } = await askAsDevice(server)
  await browser.open('/device')

  away = true
  expect(errorOf(await device.poll())).toEqual(refused(503, 'temporarily_unavailable'))
  expect(errorOf(await server.post('/device_authorization', { client_id: 'terminal' }))).toEqual(
    refused(503, 'temporarily_unavailable'),
  )
  expect((await device.poll()).headers['retry-after']).toBe('1')
  expect((await server.get('/readyz')).status).toBe(503)
  for (const path of ['/livez', '/jwks', '/.well-known/oauth-authorization-server', '/'])
    expect([path, (await server.get(path)).status]).toEqual([path, 200])
  for (const page of [await browser.enterCode(userCode), await browser.open('/device')]) {
    expect([page.url, page.status, page.headers['content-type'], page.headers['retry-after']]).toEqual([
      page.url,
      503,
      'text/html; charset=utf-8',
      '1',
    ])
    expect(page.text).toMatch(/[Tt]ry again in a moment/)
  }

  // RFC 6749 §4.1.2.1: an app is told by its own redirect, which cannot be a 503
  const { leftTo } = await browser.open(authorizePath(createPkce().challenge))
  expect(leftTo?.searchParams.get('error')).toBe('temporarily_unavailable')

  away = false
  expect((await device.poll()).status).toBe(200)
  expect((await server.openBrowser().enterCode(userCode)).status).toBe(200)
})

test('anyone who signed in by a login that is off by now gets no more tokens', async () => {
  const dataDir = createDataDir()
  const tokens = await (async () => {
    await using open = await startAuthServer({ dataDir })
    return await logInOnDevice(open)
  })()
  await using closed = await startAuthServer({ dataDir, environment: { AUTH_DEV_LOGIN: 'false' } })
  expect(errorOf(await refresh(closed, tokens.refresh_token))).toEqual(refused(400, 'invalid_grant'))
  rmSync(dataDir, { recursive: true, force: true })
})

verifies('T25', 'a failure of ours tells a client nothing but that, and the log what it was', async () => {
  let broken = false
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      records: {
        ...store.records,
        find: async (...args) => {
          if (broken) throw new TypeError('the inside of the server')
          return store.records.find(...args)
        },
      },
    }),
  })
  const device = await askAsDevice(server)
  broken = true
  const answers = [
    await device.poll(),
    await server.token({ grant_type: 'refresh_token', client_id: 'terminal', refresh_token: 'x' }),
  ]
  for (const answer of answers) {
    expect(errorOf(answer)).toEqual(refused(500, 'server_error'))
    expect(answer.text).not.toContain('inside')
  }
  const page = await server.openBrowser().open(authorizePath(createPkce().challenge, { client_id: 'not-a-static-one' }))
  expect([page.status, page.headers['content-type'], page.text.includes('inside')]).toEqual([
    500,
    'text/html; charset=utf-8',
    false,
  ])
  expect(server.log()).toContain('the inside of the server')
  expect((await server.token({ grant_type: 'client_credentials' }, basic(robot))).status).toBe(200)
})

test('the style sheet of the pages is there and may be kept for ever', async () => {
  await using server = await startAuthServer()
  const href = /<link rel="stylesheet" href="([^"]+)">/.exec((await server.openBrowser().open('/')).html)?.[1] ?? ''
  const { status, headers } = await server.get(href)
  expect([status, headers['content-type'], headers['cache-control']]).toEqual([
    200,
    'text/css; charset=utf-8',
    'public, max-age=31536000, immutable',
  ])
})

/** A store whose every call fails as an unreachable one does, while `away` says so. */
function failing(store: Store, away: () => boolean): Store {
  const part = <T extends object>(of: T): T =>
    new Proxy(of, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) =>
          away() ? Promise.reject(new StoreUnavailableError()) : value.apply(target, args)
      },
    })
  const { records, deviceCodes, attempts, documents } = store
  return {
    ...part(store),
    ping: part(store).ping,
    records: part(records),
    deviceCodes: part(deviceCodes),
    attempts: part(attempts),
    documents: part(documents),
  }
}

function toHeader(cookies: Readonly<Record<string, string>>): string {
  return Object.entries(cookies)
    .map(([name, value]) => `${name}=${value}`)
    .join('; ')
}

provesSecrecy()
