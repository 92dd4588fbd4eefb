import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from './suites/auth-server.ts'
import { provesSecrecy } from './suites/evidence.ts'
import { askAsDevice } from './suites/flows.ts'

const FOREIGN = [
  'evil.example',
  'localhost',
  'localhost:1',
  '127.0.0.1:4000',
  'localhost.evil.example',
  'user@evil.example',
  '',
  '[::1]',
  '\u00e9',
  'localhost:4000.evil',
]

verifies('N1', 'a request under another name is told the right one, before any cookie is read or set', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await browser.open('/device')
  const cookie = Object.entries(browser.cookies())
    .map(([name, value]) => `${name}=${value}`)
    .join('; ')
  for (const host of [...FOREIGN, `127.0.0.1:${server.port}`]) {
    for (const [method, path] of [
      ['GET', '/device'],
      ['GET', '/authorize?x=1'],
      ['POST', '/token'],
      ['POST', '/device'],
      ['POST', '/register'],
      ['GET', '/'],
      ['GET', '/nowhere'],
      ['OPTIONS', '/token'],
    ] as const) {
      const { status, headers, text } = await server.request({
        method,
        path,
        headers: { host, cookie, accept: 'application/json' },
      })
      expect([host, path, status]).toEqual([host, path, 421])
      expect(headers).toMatchObject({ 'cache-control': 'no-store' })
      expect(headers['set-cookie']).toBeUndefined()
      expect(JSON.parse(text)).toEqual({ error: 'misdirected_request', error_description: `Use ${server.issuer}` })
    }
  }
})

verifies('N1', 'a page under another name goes on to the right one, with its path and without a cookie', async () => {
  await using server = await startAuthServer()
  for (const path of ['/', '/device?user_code=BDWP-HQTK', '//evil.example/x', '/nowhere']) {
    const { status, headers, text } = await server.request({
      method: 'GET',
      path,
      headers: { host: 'evil.example', accept: 'text/html' },
    })
    expect([path, status, headers.location]).toEqual([path, 307, server.issuer + path])
    expect(new URL(headers.location ?? '').origin).toBe(server.issuer)
    expect([headers['set-cookie'], text]).toEqual([undefined, ''])
  }
  const form = await server.request({
    method: 'POST',
    path: '/device',
    headers: { host: 'evil.example', accept: 'text/html' },
    body: '',
  })
  expect(form.status).toBe(421)
})

verifies('N1', 'probes, keys and metadata answer under any name', async () => {
  await using server = await startAuthServer()
  for (const path of [
    '/livez',
    '/readyz',
    '/jwks',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
  ]) {
    const { status, headers, text } = await server.get(path, { host: 'auth.internal:9999' })
    expect([path, status, headers['set-cookie']]).toEqual([path, 200, undefined])
    expect(text).not.toContain('auth.internal')
  }
})

verifies('N1', 'a forwarded name counts for nothing, behind whatever proxy: a page could have sent it', async () => {
  const forwarded = (issuer: string) => ({ host: 'auth.internal:9999', 'x-forwarded-host': new URL(issuer).host })
  for (const environment of [{ TRUST_PROXY: '127.0.0.1' }, {}]) {
    await using server = await startAuthServer({ environment })
    expect((await server.get('/device', forwarded(server.issuer))).status).toBe(421)
    expect((await server.get('/device', { 'x-forwarded-host': 'evil.example' })).status).toBe(200)
  }
})

test('the name is compared as names are: case does not count', async () => {
  await using server = await startAuthServer()
  expect((await server.get('/device', { host: `LocalHost:${server.port}` })).status).toBe(200)
  expect((await askAsDevice(server)).userCode).not.toBe('')
})

provesSecrecy()
