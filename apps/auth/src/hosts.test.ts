import { connect } from 'node:net'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from './harness/auth-server.ts'
import { provesSecrecy } from './harness/evidence.ts'
import { askAsDevice } from './harness/flows.ts'

const foreign = [
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
  for (const host of [...foreign, `127.0.0.1:${server.port}`, `user@localhost:${server.port}`]) {
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
      expect(JSON.parse(text)).toEqual({
        error: 'misdirected_request',
        error_description: expect.stringContaining(`This server answers as ${server.issuer}. `),
      })
    }
  }
})

verifies(
  'X27',
  'behind a proxy that does not pass on Host a person gets a page, and the operator one line: nothing leads round in a circle',
  async () => {
    await using server = await startAuthServer()
    const asked = [
      ['GET', '/'],
      ['GET', '/device?user_code=BDWP-HQTK'],
      ['GET', '//evil.example/x'],
      ['GET', '/nowhere'],
      ['POST', '/device'],
    ] as const
    for (const [method, path] of asked) {
      const headers = { host: `127.0.0.1:${server.port}`, accept: 'text/html', 'x-forwarded-for': '203.0.113.7' }
      const { status, headers: answered, text } = await server.request({ method, path, headers })
      expect([path, status, answered.location, answered['set-cookie']]).toEqual([path, 421, undefined, undefined])
      expect(text).toContain('does not pass on the Host header')
      expect(text).toContain(`href="${server.issuer}"`)
      expect(text).not.toContain('127.0.0.1')
    }
    const lines = server
      .log()
      .split('\n')
      .filter((line) => line.includes('does not pass on the Host header'))
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 40, host: `127.0.0.1:${server.port}`, expected: new URL(server.issuer).host, forwarded: true },
    ])
  },
)

verifies('N1', 'two Host lines are refused, and an absolute request target counts as the Host', async () => {
  await using server = await startAuthServer()
  const host = new URL(server.issuer).host
  const ask = (target: string, headers: string) =>
    sendRaw(server.port, `GET ${target} HTTP/1.1\r\nConnection: close\r\n${headers}\r\n\r\n`)
  for (const hosts of [
    `Host: ${host}\r\nHost: evil.example`,
    `Host: evil.example\r\nhost: ${host}`,
    `Host: ${host}\r\nHost: ${host}`,
  ])
    expect(await ask('/device', hosts)).toMatch(/^HTTP\/1\.1 400 .*Host was sent more than once/s)
  expect(await ask('http://evil.example/device', `Host: ${host}`)).toMatch(/^HTTP\/1\.1 421 /)
  for (const target of [`${server.issuer}/device`, `${server.issuer}?x=1`, server.issuer])
    expect(await ask(target, 'Host: evil.example')).toMatch(/^HTTP\/1\.1 200 /)
  expect(await ask('/device', '')).toMatch(/^HTTP\/1\.1 400 /)
  expect(await sendRaw(server.port, 'GET /device HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 421 /)
})

verifies('T6', 'two Authorization headers are refused at every endpoint, whichever of them is good', async () => {
  await using server = await startAuthServer()
  const host = new URL(server.issuer).host
  const basic = (password: string) => `Authorization: Basic ${Buffer.from(`service:${password}`).toString('base64')}`
  const body = 'grant_type=client_credentials'
  for (const path of ['/token', '/introspect', '/revoke', '/device_authorization', '/userinfo']) {
    const head = `POST ${path} HTTP/1.1\r\nConnection: close\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}`
    const answer = await sendRaw(server.port, `${head}\r\n${basic('wrong')}\r\n${basic('right')}\r\n\r\n${body}`)
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*"error":"invalid_request".*Authorization was sent more than once/s)
  }
})

test('a refusal is for pages of other sites to read where an answer is, and says when to come back', async () => {
  await using server = await startAuthServer()
  const origin = 'https://app.example'
  const open = ['/token', '/device_authorization', '/revoke', '/introspect', '/userinfo', '/register']
  for (const path of [...open, '/device']) {
    const { status, headers } = await server.request({
      method: 'POST',
      path,
      headers: { host: 'evil.example', origin },
    })
    expect([path, status, headers['access-control-allow-origin']]).toEqual([
      path,
      421,
      open.includes(path) ? '*' : undefined,
    ])
  }
  let answer = await server.get('/', { origin })
  for (let tries = 0; tries < 400 && answer.status !== 429; tries++)
    answer = await server.register({ redirect_uris: [`https://app.example/${tries}`] }, { origin })
  expect(answer).toMatchObject({
    status: 429,
    headers: {
      'access-control-allow-origin': '*',
      'access-control-expose-headers': expect.stringContaining('Retry-After'),
      'retry-after': expect.stringMatching(/^\d+$/),
    },
  })
})

/**
 * Bytes as they are. Resolves with all that is answered, once the server has closed the connection: a request whose sender has
 * closed its side is dropped.
 */
function sendRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

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
