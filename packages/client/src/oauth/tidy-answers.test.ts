// What services answer that is not to the letter, and is signed in with all the same.
import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { createCommandLine } from '../harness/command-line.ts'
import { type Answer, type FakeServers, startFakeServers } from '../harness/fake-servers.ts'

/** What a login says and keeps, with services that a test changes. */
const login = async (change: (servers: FakeServers) => void) => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  change(servers)
  const { code, stderr } = await shell.run(['login'])
  const slept = [...shell.clock.slept]
  const { stdout } = await shell.run(['whoami', '--json', '--timeout', '1'])
  return { code, stderr, slept, session: code === 0 ? JSON.parse(stdout) : undefined }
}

test('pending polls answered with 200, as GitHub does, are waited for, and a refusal with 200 is one', async () => {
  const github = (error: string): Answer => ({
    status: 200,
    body: { error, error_description: 'says GitHub', interval: 10 },
  })
  const { code, slept } = await login(({ behaviour }) => {
    behaviour.polls = [github('authorization_pending'), github('slow_down'), github('authorization_pending')]
  })
  expect([code, slept]).toEqual([0, [1, 1, 6, 6]])
  const denied = await login(({ behaviour }) => {
    behaviour.polls = [github('access_denied')]
  })
  expect(denied.code).toBe(4)
  const disabled = await login(({ behaviour }) => {
    behaviour.deviceAuthorization = { error: 'device_flow_disabled', device_code: undefined }
  })
  expect([disabled.code, disabled.stderr]).toEqual([4, expect.stringContaining('device_flow_disabled')])
})

test('the verification_url of Google is shown, if it is safe, and times that are texts or missing are read', async () => {
  for (const [uri, code] of [
    ['https://www.google.example/device', 0],
    ['javascript:alert(1)', 7],
  ] as const) {
    const google = await login(({ behaviour }) => {
      behaviour.deviceAuthorization = {
        verification_uri: undefined,
        verification_uri_complete: null,
        verification_url: uri,
        user_code: 123456789,
        interval: '3',
        expires_in: undefined,
      }
    })
    expect(google.code).toBe(code)
    if (code === 0) expect(google.stderr).toContain('Open   https://www.google.example/device\n  Code   123456789')
    expect(google.slept).toEqual(code === 0 ? [3] : [])
  }
})

test('a token answer that is not to the letter is read for what it means', async () => {
  for (const [change, expected] of [
    [{ token_type: 'BEARER' }, {}],
    [{ token_type: ' bearer ' }, {}],
    [{ token_type: null }, {}],
    [{ expires_in: '600' }, {}],
    [{ expires_in: null }, { expires_at: null }],
    [{ expires_in: 0 }, { expires_at: null }],
    [{ expires_in: 'never' }, { expires_at: null }],
    [{ expires_in: 1e300 }, { expires_at: expect.any(String) }],
    [{ scope: ['read', 'call'] }, {}],
    [{ scope: ' read  call' }, {}],
    [{ scope: '' }, {}],
    [{ scope: null }, {}],
    [{ scope: [] }, {}],
    [{ refresh_token: null }, { renewable: false }],
    [{ refresh_token: '' }, { renewable: false }],
    [{ id_token: 'not.even.one' }, {}],
    [{ id_token: null, error: null, error_description: '' }, {}],
    [{ id_token: 17, nested: { deep: [{}] } }, {}],
  ] as const) {
    const { code, stderr, session } = await login(({ behaviour }) => {
      behaviour.token = change
      behaviour.status = { '/token': 201 }
    })
    expect([code, stderr], JSON.stringify(change)).toEqual([0, expect.stringContaining('Signed in as')])
    const usual = { subject: 'dev:ada', scope: 'read call', renewable: true, expires_at: expect.any(String) }
    expect({ expires_at: null, ...session }, JSON.stringify(change)).toMatchObject({ ...usual, ...expected })
  }
  const foreign = await login(({ behaviour }) => {
    behaviour.token = { token_type: 'mac' }
  })
  expect([foreign.code, foreign.stderr]).toEqual([6, expect.stringContaining('answer')])
})

test('the browser sign-in takes the same, and iss and state are still checked', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const openUrl = (url: string) => void fetch(servers.approve(url))
  servers.behaviour.token = { id_token: 'x', token_type: null, scope: ['read'] }
  expect((await shell.run(['login', '--browser'], { clock: systemClock, openUrl })).code).toBe(0)
})

test('a registration answered with 200, numbers and nulls is kept, and a revocation answered with 204 has happened', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.clients.add('4711')
  servers.behaviour.registration = {
    client_id: 4711,
    client_secret: null,
    token_endpoint_auth_method: '',
    client_uri: null,
    jwks: { keys: null },
  }
  servers.behaviour.status = { '/register': 200, '/revoke': 204 }
  expect((await shell.run(['login'])).code).toBe(0)
  expect(servers.seenAt('/token').at(-1)?.form.get('client_id')).toBe('4711')
  expect((await shell.run(['logout'])).stderr).toContain('Signed out of')
})
