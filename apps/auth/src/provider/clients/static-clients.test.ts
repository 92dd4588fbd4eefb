import { expect, test, vi } from 'vitest'
import { ConfigError } from '../../errors.ts'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import { basic, deviceGrant, robot, staticClients, terminal } from '../../harness/clients.ts'
import { evidence, provesSecrecy } from '../../harness/evidence.ts'
import { authorizePath, createPkce, errorOf, refused } from '../../harness/flows.ts'

const machine = { grant_type: 'client_credentials' }
const newSecret = 'the new secret of the robot 0123456789'
evidence.plant('client_secret', newSecret)

const logged = (server: AuthServer, message: string, times = 1) =>
  vi.waitFor(() => expect(server.log().split(message).length - 1).toBe(times), { timeout: 10_000, interval: 100 })

test('a changed file takes effect without a restart, and a faulty one leaves the clients as they were', {
  timeout: 20_000,
}, async () => {
  await using server = await startAuthServer()
  expect((await server.token(machine, basic(robot))).status).toBe(200)

  server.writeClients([
    { ...robot, client_secret: newSecret },
    { ...terminal, client_id: 'another-terminal' },
  ])
  await logged(server, 'client file read again')
  expect(errorOf(await server.token(machine, basic(robot)))).toEqual(refused(401, 'invalid_client'))
  expect((await server.token(machine, basic({ ...robot, client_secret: newSecret }))).status).toBe(200)
  expect((await server.post('/device_authorization', { client_id: 'another-terminal' })).status).toBe(200)
  expect((await server.post('/device_authorization', { client_id: terminal.client_id })).status).toBe(401)

  server.writeClients(`[{"client_id":"robot","client_secret":"${newSecret}",,]`)
  await logged(server, 'the clients stay as they were')
  expect(server.log()).toContain('is not JSON')
  server.writeClients([{ ...robot, client_secret: newSecret, grant_types: ['password'] }])
  await logged(server, 'the clients stay as they were', 2)
  expect(server.log()).toContain('robot: grant_types must name one of')
  expect((await server.token(machine, basic({ ...robot, client_secret: newSecret }))).status).toBe(200)

  server.writeClients(staticClients)
  await logged(server, 'client file read again', 2)
  expect((await server.token(machine, basic(robot))).status).toBe(200)
})

const longSecret = 'a-secret-of-sixteen-and-more'
evidence.plant('client_secret', longSecret)
const faults: Readonly<Record<string, readonly [content: unknown, reason: string]>> = {
  'no JSON': [`[{"client_id":"a","client_secret":"${longSecret}"`, 'is not JSON'],
  'no list': [{ client_id: 'a' }, 'expected array'],
  'no client_id': [[{ client_secret: longSecret }], '0.client_id'],
  'a short secret': [[{ client_id: 'a', client_secret: 'short-secret' }], 'at least 16 characters'],
  'an unknown method': [
    [{ client_id: 'a', token_endpoint_auth_method: 'private_key_jwt' }],
    '0.token_endpoint_auth_method',
  ],
  'one id twice': [[terminal, terminal], 'client_id terminal is there twice'],
  'a secret for a public client': [
    [{ ...terminal, client_secret: longSecret, token_endpoint_auth_method: 'none' }],
    'has a client_secret but the method "none"',
  ],
  'more levels than anybody writes': [`${'['.repeat(7_000)}${']'.repeat(7_000)}`, 'nested more than 64 levels deep'],
  'no secret for a confidential client': [
    [{ ...terminal, token_endpoint_auth_method: 'client_secret_basic' }],
    'needs a client_secret',
  ],
  'client_credentials without a secret': [
    [{ client_id: 'a', grant_types: ['client_credentials'] }],
    'client_credentials needs a client_secret',
  ],
  'an id like a person': [[{ ...terminal, client_id: 'github:1' }], 'may not begin like'],
  'a redirect that is no place for a code': [
    [{ ...terminal, redirect_uris: ['http://app.example.com/'] }],
    'http is for this computer alone',
  ],
  'no redirect where one is needed': [
    [{ client_id: 'a', grant_types: ['authorization_code'] }],
    'redirect_uris: must have members',
  ],
  'an unknown grant alone': [[{ client_id: 'a', grant_types: ['password'] }], 'grant_types must name one of'],
}

for (const [what, [content, reason]] of Object.entries(faults)) {
  test(`a file with ${what} keeps the server from starting, and the fault names client and reason but no secret`, async () => {
    const start = startAuthServer({ clients: typeof content === 'string' ? content : JSON.stringify(content) })
    const error = await start.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ConfigError)
    const { faults: texts } = error as ConfigError
    expect(texts).toEqual([expect.stringContaining(reason)])
    expect(texts[0]).toMatch(/^AUTH_CLIENTS_FILE \//)
    expect(texts[0]).not.toMatch(/secret-of-sixteen|short-secret/)
  })
}

test('a missing file keeps the server from starting', async () => {
  const start = startAuthServer({ environment: { AUTH_CLIENTS_FILE: '/nowhere/clients.json' } })
  await expect(start).rejects.toThrow('AUTH_CLIENTS_FILE /nowhere/clients.json: cannot be read (ENOENT).')
})

test("a private scheme that registration refuses is the operator's to allow, one that runs scripts is not", async () => {
  const withRedirect = (uri: string) => [{ ...terminal, redirect_uris: [uri] }]
  await using server = await startAuthServer({ clients: withRedirect('myapp://callback') })
  expect((await server.post('/device_authorization', { client_id: terminal.client_id })).status).toBe(200)
  await expect(startAuthServer({ clients: withRedirect('javascript:alert(1)') })).rejects.toThrow(ConfigError)
})

test('an address of this machine without a path is one, with its slash and without', async () => {
  const [plain, slashed] = ['http://127.0.0.1:33418', 'http://127.0.0.1:33418/']
  for (const written of [plain, slashed]) {
    const editor = { client_id: 'editor', token_endpoint_auth_method: 'none', redirect_uris: [written] }
    await using server = await startAuthServer({ clients: [editor] })
    const open = (uri: string) =>
      server.get(authorizePath(createPkce().challenge, { client_id: 'editor', redirect_uri: uri }))
    for (const sent of [plain, slashed, 'http://127.0.0.1:4000/']) expect((await open(sent)).status, sent).toBe(303)
    for (const other of [`${slashed}x`, `${slashed}?x`, 'http://localhost:33418/', 'https://127.0.0.1:33418/'])
      expect((await open(other)).status, other).toBe(400)
  }
})

test("an operator's client is shown as such, and a device client needs no redirect", async () => {
  await using server = await startAuthServer({
    clients: [{ client_id: 'tv', client_name: 'TV', grant_types: [deviceGrant, 'refresh_token'] }],
  })
  const { json } = await server.post('/device_authorization', { client_id: 'tv' })
  const browser = server.openBrowser()
  expect((await browser.enterCode(json.user_code ?? '')).text).toContain('Added by an administrator')
})

provesSecrecy()
