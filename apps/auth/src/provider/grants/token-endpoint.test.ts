import { gzipSync } from 'node:zlib'
import { verifies } from '@gatehouse/testing'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { basic, deviceGrant, robot, terminal, website, worker } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { errorOf, logInOnDevice, refused } from '../../harness/flows.ts'

const formType = 'application/x-www-form-urlencoded'
const invalidRequest = refused(400, 'invalid_request')
const invalidClient = refused(401, 'invalid_client')
const machine = { grant_type: 'client_credentials' }

verifies('T1', 'a request without grant_type is an invalid_request', async () => {
  await using server = await startAuthServer()
  for (const fields of [{}, { grant_type: '' }]) {
    expect(errorOf(await server.token({ client_id: terminal.client_id, ...fields }))).toEqual(invalidRequest)
    expect(errorOf(await server.token(fields, basic(robot)))).toEqual(invalidRequest)
  }
})

verifies('T2', 'grants that are not offered are refused by name, malformed ones included', async () => {
  await using server = await startAuthServer()
  const names = [
    'password',
    'implicit',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    'x',
    '\u0000',
    '__proto__',
    'client_credentials ',
    'a'.repeat(9_000),
  ]
  for (const name of names) {
    const answer = await server.token({ grant_type: name, username: 'ada', password: 'x' }, basic(robot))
    expect([name.slice(0, 20), errorOf(answer)]).toEqual([name.slice(0, 20), refused(400, 'unsupported_grant_type')])
  }
  for (const raw of ['grant_type=%00', 'grant_type=%ff%fe', 'grant_type=%zz', 'grant_type=%c0%ae']) {
    const answer = await server.post('/token', raw, { 'content-type': formType, ...basic(robot) })
    expect([raw, errorOf(answer)]).toEqual([raw, refused(400, 'unsupported_grant_type')])
  }
})

verifies('T3', 'a client that is not registered for a grant is an unauthorized_client', async () => {
  await using server = await startAuthServer()
  const unauthorized = refused(400, 'unauthorized_client')
  expect(errorOf(await server.token({ grant_type: deviceGrant, device_code: 'x' }, basic(website)))).toEqual(
    unauthorized,
  )
  expect(
    errorOf(await server.token({ grant_type: 'authorization_code', code: 'x', redirect_uri: 'x' }, basic(robot))),
  ).toEqual(unauthorized)
  expect(errorOf(await server.token({ grant_type: 'refresh_token', refresh_token: 'x' }, basic(robot)))).toEqual(
    unauthorized,
  )
})

verifies('T4', 'a request that does not say which client it comes from is refused', async () => {
  await using server = await startAuthServer()
  expect(errorOf(await server.token({ grant_type: deviceGrant, device_code: 'x' }))).toEqual(invalidRequest)
  expect(errorOf(await server.token({ ...machine, client_secret: robot.client_secret }))).toEqual(invalidRequest)
})

verifies('T5', 'unknown client, wrong secret and wrong method look the same', async () => {
  await using server = await startAuthServer()
  const wrong = { ...robot, client_secret: 'not-the-secret-of-the-robot-12345' }
  const byHeader = [
    await server.token(machine, basic(wrong)),
    await server.token(machine, basic({ ...wrong, client_id: 'nobody' })),
    await server.token(machine, basic({ ...wrong, client_id: terminal.client_id })),
    await server.token(machine, basic({ ...robot, client_secret: robot.client_secret.toUpperCase() })),
  ]
  const byBody = [
    await server.token({ ...machine, client_id: robot.client_id, client_secret: wrong.client_secret }),
    await server.token({ ...machine, client_id: 'nobody', client_secret: wrong.client_secret }),
    await server.token({ ...machine, client_id: terminal.client_id, client_secret: wrong.client_secret }),
    await server.token({ ...machine, client_id: 'nobody' }),
    await server.token({ ...machine, client_id: robot.client_id }),
  ]
  for (const answer of [...byHeader, ...byBody]) {
    expect(errorOf(answer)).toEqual(invalidClient)
    expect(answer.text).toBe(byHeader[0]?.text)
  }
  for (const { headers } of byHeader) expect(headers['www-authenticate']).toMatch(/^Basic realm="/)
  for (const { headers } of byBody) expect(headers['www-authenticate']).toBeUndefined()
})

verifies(
  'T5',
  'an unknown client and a wrong secret take the same time, but for less than a slow hash would',
  async () => {
    await using server = await startAuthServer()
    const best: number[] = []
    for (const clientId of [robot.client_id, worker.client_id, terminal.client_id, 'nobody']) {
      const each: number[] = []
      for (let time = 0; time < 10; time += 1) {
        const began = performance.now()
        const answer = await server.token({ ...machine, client_id: clientId, client_secret: `wrong secret ${time}` })
        each.push(performance.now() - began)
        expect(errorOf(answer)).toEqual(invalidClient)
      }
      best.push(Math.min(...each))
    }
    expect(Math.max(...best) - Math.min(...best), 'milliseconds').toBeLessThan(50)
  },
)

verifies('S17', "a resource's token opens nothing at the authorization server", async () => {
  await using server = await startAuthServer()
  const { access_token: token } = await logInOnDevice(server)
  const authorization = `Bearer ${token}`
  expect((await server.get('/userinfo', { authorization })).status).toBe(401)
  for (const path of ['/token', '/revoke', '/introspect', '/device_authorization']) {
    const answer = await server.post(path, { ...machine, token: token ?? '' }, { authorization })
    expect([path, errorOf(answer)]).toEqual([path, invalidClient])
  }
  // registration asks for no token, and gives nothing for one
  const metadata = { redirect_uris: ['https://app.example.com/callback'], grant_types: ['authorization_code'] }
  const { json } = await server.register(metadata, { authorization })
  expect(json).not.toHaveProperty('registration_access_token')
  expect(
    (await server.request({ method: 'GET', path: `/register/${json.client_id}`, headers: { authorization } })).status,
  ).toBe(404)
})

verifies('T6', 'a client authenticates in one way only, and as one client only', async () => {
  await using server = await startAuthServer()
  const twice = { ...machine, client_id: robot.client_id, client_secret: robot.client_secret }
  const nothing = { authorization: `Basic ${btoa('robot:')}` }
  expect(errorOf(await server.token(twice, basic(robot)))).toEqual(invalidRequest)
  expect(errorOf(await server.token(twice, nothing))).toEqual(invalidRequest)
  for (const header of [basic(robot), nothing])
    expect(errorOf(await server.token({ ...machine, client_id: worker.client_id }, header))).toEqual(invalidRequest)
})

verifies('T5', 'a header that proves nothing is a failed authentication, whatever is wrong with it', async () => {
  await using server = await startAuthServer()
  for (const authorization of [
    'Bearer x',
    'x',
    'Basic',
    'Basic !!!',
    `Basic ${btoa('robot')}`,
    `Basic ${btoa('robot:')}`,
    `Basic ${btoa(':')}`,
    `Basic ${btoa(':secret')}`,
    `Basic ${btoa('robot:%zz')}`,
    `Basic ${btoa('%zz:')}`,
    `Basic ${btoa('nobody:')}`,
  ]) {
    for (const path of ['/token', '/revoke', '/introspect', '/device_authorization']) {
      const answer = await server.post(path, { ...machine, token: 'x' }, { authorization })
      expect([authorization, path, errorOf(answer)]).toEqual([authorization, path, invalidClient])
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="/)
    }
  }
})

test('where no client says who it is, a header makes a request no failed authentication', async () => {
  await using server = await startAuthServer()
  const authorization = 'Bearer x'
  expect(errorOf(await server.register([], { authorization }))).toEqual(invalidRequest)
  const { status, headers } = await server.post('/userinfo', {}, { authorization })
  expect([status, headers['www-authenticate']]).toEqual([401, expect.stringMatching(/^Bearer /)])
})

verifies('T5', 'a public client may say who it is by a header with an empty password, at every endpoint', async () => {
  await using server = await startAuthServer()
  const header = { authorization: `Basic ${btoa('terminal:')}` }
  const named = { client_id: terminal.client_id }
  for (const fields of [{}, named])
    expect((await server.post('/device_authorization', fields, header)).status).toBe(200)
  const { refresh_token: token = '' } = await logInOnDevice(server)
  const renewed = await server.token({ grant_type: 'refresh_token', refresh_token: token }, header)
  expect(renewed.status, renewed.text).toBe(200)
  expect((await server.post('/revoke', { token: renewed.json.refresh_token ?? '' }, header)).status).toBe(200)
  const again = await server.token(
    { grant_type: 'refresh_token', refresh_token: renewed.json.refresh_token ?? '' },
    header,
  )
  expect(errorOf(again), 'what is wrong besides is said as ever').toEqual(refused(400, 'invalid_grant'))
  // that it cannot ask here is said to it as to one that authenticated and failed
  const asked = await server.post('/introspect', { token }, header)
  expect([errorOf(asked), asked.headers['www-authenticate']]).toEqual([
    invalidClient,
    expect.stringMatching(/^Basic realm="/),
  ])
})

verifies('T7', 'credentials in the address are not read, and there is no GET', async () => {
  await using server = await startAuthServer()
  const query = new URLSearchParams({ ...machine, client_id: robot.client_id, client_secret: robot.client_secret })
  expect(errorOf(await server.post(`/token?${query}`, {}))).toEqual(invalidRequest)
  expect(errorOf(await server.post(`/token?${query}`, machine))).toEqual(invalidRequest)
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
    const { status } = await server.request({ method, path: `/token?${query}` })
    expect([method, status]).toEqual([method, 404])
  }
})

verifies('T8', 'no parameter may come twice, not even with the same value', async () => {
  await using server = await startAuthServer()
  const fields: Readonly<Record<string, string>> = {
    grant_type: 'client_credentials',
    client_id: worker.client_id,
    client_secret: worker.client_secret,
    scope: 'mcp:tools:read',
    resource: 'http://localhost:3000/mcp',
  }
  expect((await server.token(fields)).status).toBe(200)
  for (const [name, value] of Object.entries(fields)) {
    for (const second of [value, 'http://localhost:3000/mcp/', '']) {
      const answer = await server.token([...Object.entries(fields), [name, second]])
      expect([name, answer.status, answer.json.error]).toEqual([
        name,
        400,
        expect.stringMatching(/^invalid_(request|target)$/),
      ])
    }
  }
  const device = { grant_type: deviceGrant, client_id: terminal.client_id, device_code: 'x' }
  expect(errorOf(await server.token([...Object.entries(device), ['device_code', 'y']]))).toEqual(invalidRequest)
})

verifies('T9', 'only forms of a sane size are read', async () => {
  await using server = await startAuthServer()
  const fields = { ...machine, client_id: worker.client_id, client_secret: worker.client_secret }
  const form = new URLSearchParams(fields).toString()
  const boundary = 'x'
  const multipart = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const bodies: readonly (readonly [string, string | Buffer, Record<string, string>])[] = [
    ['json', JSON.stringify(fields), { 'content-type': 'application/json' }],
    [
      'multipart',
      `${multipart.join('')}--${boundary}--`,
      { 'content-type': `multipart/form-data; boundary=${boundary}` },
    ],
    ['text', form, { 'content-type': 'text/plain' }],
    ['a list of types', form, { 'content-type': `text/plain, ${formType}` }],
    ['an absurd type', form, { 'content-type': 'nonsense' }],
  ]
  for (const [what, body, headers] of bodies) {
    const answer = await server.post('/token', body, headers)
    expect([what, answer.status, answer.json.error]).toEqual([
      what,
      expect.toSatisfy((status) => status === 400 || status === 415),
      'invalid_request',
    ])
  }
  const unread: readonly (readonly [string, string | Buffer, Record<string, string>])[] = [
    ['no type', form, {}],
    ['gzip', gzipSync(form), { 'content-type': formType, 'content-encoding': 'gzip' }],
  ]
  for (const path of ['/token', '/revoke', '/introspect', '/device_authorization', '/authorize'])
    for (const [what, body, headers] of unread)
      expect([path, what, errorOf(await server.post(path, body, headers))]).toEqual([
        path,
        what,
        refused(415, 'invalid_request'),
      ])
  const huge = await server.post('/token', `${form}&x=${'x'.repeat(57 * 1024)}`, { 'content-type': formType })
  expect(errorOf(huge)).toEqual(refused(413, 'invalid_request'))
  expect((await server.post('/token', form, { 'content-type': `${formType}; charset=UTF-8` })).status).toBe(200)
})

verifies('T24', 'an answer is complete, not kept, and its tokens say no more than was asked', async () => {
  await using server = await startAuthServer()
  const json = await logInOnDevice(server, { scope: 'mcp:tools:read' })
  expect(json).toEqual({
    access_token: expect.any(String),
    expires_in: 600,
    refresh_token: expect.stringMatching(/^[\w-]{43,}$/),
    scope: 'mcp:tools:read',
    token_type: 'Bearer',
  })
  const { status, headers, json: machineToken } = await server.token(machine, basic(robot))
  expect([status, headers['cache-control'], machineToken.token_type, machineToken.expires_in]).toEqual([
    200,
    'no-store',
    'Bearer',
    600,
  ])

  const token = json.access_token ?? ''
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) })
  const now = Math.floor(Date.now() / 1000)
  const claims = decodeJwt(token)
  expect(claims).toMatchObject({
    iss: server.issuer,
    sub: 'dev:ada',
    aud: 'http://localhost:3000/mcp',
    client_id: 'terminal',
    scope: 'mcp:tools:read',
    iat: now,
    exp: now + 600,
    jti: expect.stringMatching(/^[\w-]{22,}$/),
  })
  for (const personal of ['email', 'name', 'label', 'auth_time', 'sid', 'nonce'])
    expect(claims).not.toHaveProperty(personal)
})

verifies('T24', 'no two tokens are the same', async () => {
  await using server = await startAuthServer()
  const answers = await Promise.all(Array.from({ length: 20 }, () => server.token(machine, basic(robot))))
  expect(new Set(answers.map(({ json }) => decodeJwt(json.access_token ?? '').jti)).size).toBe(20)
})

test('client secrets are stored nowhere, and what is stored is no secret that works', async () => {
  await using server = await startAuthServer()
  const { json } = await server.register({ redirect_uris: ['https://app.example.com/callback'] })
  const record = await server.store.records.find('Client', json.client_id ?? '')
  const kept = JSON.stringify(record)
  expect(kept).toContain('client_secret')
  expect(kept).not.toContain(json.client_secret)
  const { client_secret: hash = '' } = (record?.payload.metadata ?? {}) as { client_secret?: string }
  const grant = { grant_type: 'refresh_token', refresh_token: 'x' }
  const attempt = (secret: string | undefined) =>
    server.token(grant, basic({ client_id: json.client_id ?? '', client_secret: secret ?? '' }))
  expect(errorOf(await attempt(hash))).toEqual(invalidClient)
  expect(errorOf(await attempt(json.client_secret))).toEqual(refused(400, 'invalid_grant'))
})

verifies('T23', 'a page on another origin gets no answer that it can read, and a page of the client does', async () => {
  await using server = await startAuthServer()
  const fields = { grant_type: deviceGrant, client_id: terminal.client_id, device_code: 'x' }
  const foreign = await server.token(fields, { origin: 'https://evil.example' })
  expect(errorOf(foreign)).toEqual(invalidRequest)
  expect(foreign.headers['access-control-allow-origin']).toBeUndefined()
  const own = await server.token(fields, { origin: 'http://localhost:5173' })
  expect(errorOf(own)).toEqual(refused(400, 'invalid_grant'))
  expect(own.headers['access-control-allow-origin']).toBe('http://localhost:5173')
  expect(own.headers['access-control-allow-credentials']).toBeUndefined()
})

provesSecrecy()
