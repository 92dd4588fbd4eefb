import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { type FakeServers, pending, slowDown, startFakeServers } from '../harness/fake-servers.ts'

const tokenRequests = (servers: FakeServers) => servers.seenAt('/token').map(({ form }) => form)

test('the client polls at the interval of the server until the person approves', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.deviceAuthorization = { interval: 3 }
  servers.behaviour.polls = [pending, pending]
  expect((await shell.run(['login'])).code).toBe(0)
  expect(shell.clock.slept).toEqual([3, 3, 3])
})

test('resource and scope go out with the device request, and resource with each token request', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  shell.clock.elapse(590)
  await shell.run(['token'])
  const [device] = servers.seenAt('/device_authorization')
  expect([device?.form.get('resource'), device?.form.get('scope')]).toEqual([servers.mcpUrl, 'read call'])
  expect(tokenRequests(servers).map((form) => [form.get('grant_type'), form.get('resource')])).toEqual([
    ['urn:ietf:params:oauth:grant-type:device_code', servers.mcpUrl],
    ['refresh_token', servers.mcpUrl],
  ])
})

verifies('K4', 'slow_down without end is obeyed, and ends with the code', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.deviceAuthorization = { expires_in: 300 }
  servers.behaviour.polls = Array.from({ length: 1000 }, () => slowDown)
  const { code, stderr } = await shell.run(['login'])
  expect([code, stderr]).toEqual([5, expect.stringContaining('✗ The code is no longer valid.')])
  expect(shell.clock.slept.slice(0, 4)).toEqual([1, 6, 11, 16])
  expect(tokenRequests(servers).length).toBeLessThan(12)
})

verifies('K4', 'an interval of 0, -1, 1e9 or none at all neither ends the login nor floods the server', async () => {
  for (const [interval, first] of [
    [0, 5],
    [-1, 5],
    ['fast', 5],
    [undefined, 5],
    [1e9, 60],
  ]) {
    await using servers = await startFakeServers()
    await using shell = await createCommandLine(servers.mcpUrl)
    servers.behaviour.deviceAuthorization = { interval }
    expect((await shell.run(['login'])).code, String(interval)).toBe(0)
    expect(shell.clock.slept).toEqual([first])
  }
})

verifies('K4', 'a code that is said to live for decades is given up after half an hour', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.deviceAuthorization = { expires_in: 1e9, interval: 60 }
  servers.behaviour.polls = Array.from({ length: 1000 }, () => pending)
  const start = shell.clock.now()
  expect((await shell.run(['login'])).code).toBe(5)
  expect(shell.clock.now() - start).toBe(1800)
})

verifies('K4', 'a network that fails or times out slows the client down, and the login goes on', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  let failures = 3
  const { code, stderr } = await shell.run(['login'], {
    async fetch(url, init) {
      if (!url.endsWith('/token') || failures === 0) return fetch(url, init)
      failures -= 1
      throw failures % 2 ? new DOMException('timed out', 'TimeoutError') : new TypeError('fetch failed')
    },
  })
  expect(code).toBe(0)
  expect(shell.clock.slept).toEqual([1, 2, 4, 8])
  expect(stderr).toContain('Trying again in 2 s.')
})

test('a server that is out of order for a while says when to come back, and the login goes on', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.polls = [{ status: 503, body: {}, headers: { 'retry-after': '20' } }, pending]
  expect((await shell.run(['login'])).code).toBe(0)
  expect(shell.clock.slept).toEqual([1, 20, 1])
})

test('refused, expired and unknown codes end the login with their own exit code and advice', async () => {
  for (const [error, exit, words] of [
    ['access_denied', 4, 'The sign-in was refused; nothing was shared.'],
    ['expired_token', 5, 'The code is no longer valid.'],
    ['invalid_grant', 5, 'The code is no longer valid.'],
    ['invalid_target', 4, 'The sign-in service refused the request.'],
  ] as const) {
    await using servers = await startFakeServers()
    await using shell = await createCommandLine(servers.mcpUrl)
    servers.behaviour.polls = [{ status: 400, body: { error, error_description: 'says the server' } }]
    const { code, stderr } = await shell.run(['login'])
    expect([code, stderr]).toEqual([exit, expect.stringContaining(words)])
    expect((await shell.run(['token'])).code).toBe(3)
  }
})

test('--timeout ends the wait before the code does', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.polls = Array.from({ length: 100 }, () => pending)
  const start = shell.clock.now()
  const { code, stdout } = await shell.run(['login', '--timeout', '30', '--json'])
  expect([code, JSON.parse(stdout).error.code]).toEqual([5, 'timed_out'])
  expect(shell.clock.now() - start).toBe(30)
})

verifies('K1', 'a verification address that is no https address is neither shown nor waited for', async () => {
  for (const address of ['javascript:alert(document.domain)', 'http://auth.example/device', 'https://a@b.example/']) {
    await using servers = await startFakeServers()
    await using shell = await createCommandLine(servers.mcpUrl)
    servers.behaviour.deviceAuthorization = { verification_uri: address }
    const { code, stdout, stderr } = await shell.run(['login'])
    expect([code, stdout, servers.seenAt('/token')]).toEqual([7, '', []])
    expect(stderr).not.toContain('Open')
  }
})

verifies('K1', 'a convenience address that is not safe is not offered; the plain one and the code are', async () => {
  for (const address of ['javascript:alert(document.domain)', 'http://auth.example/device?user_code=BDWP-HQTK', '']) {
    await using servers = await startFakeServers()
    await using shell = await createCommandLine(servers.mcpUrl)
    servers.behaviour.deviceAuthorization = { verification_uri_complete: address }
    const { code, stderr } = await shell.run(['login'])
    expect(code, address).toBe(0)
    expect(stderr).toContain(`Open   ${servers.issuer}/device\n  Code   BDWP-HQTK`)
    if (address) expect(stderr).not.toContain(address)
  }
})

verifies(
  'K3',
  'a user code or an error text full of escape sequences reaches the terminal as plain, short text',
  async () => {
    await using servers = await startFakeServers()
    await using shell = await createCommandLine(servers.mcpUrl)
    const hostile = `\u001b[2J\u001b]0;owned\u0007AB\u202eCD\u009b31m-${'E'.repeat(1_000)}`
    servers.behaviour.deviceAuthorization = { user_code: hostile }
    servers.behaviour.polls = [{ status: 400, body: { error: hostile, error_description: hostile.repeat(100) } }]
    const { stderr } = await shell.run(['login'])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    expect(stderr).toContain('Code   ABCD-EEE')
    expect(stderr.length).toBeLessThan(1_500)
  },
)

test('a registration the server has forgotten is made again, once', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  await shell.run(['login'])
  expect(servers.seenAt('/register')).toHaveLength(1)
  servers.clients.clear()
  expect((await shell.run(['login'])).code).toBe(0)
  expect(servers.seenAt('/register')).toHaveLength(2)
  expect(JSON.parse(servers.seenAt('/register')[0]?.body ?? '')).toEqual({
    client_name: 'Command line client',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token', 'authorization_code'],
    response_types: ['code'],
    redirect_uris: ['http://127.0.0.1/callback'],
  })
})

test('a server that refuses every registration is not asked for ever', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.clients.add = () => servers.clients
  expect((await shell.run(['login'])).code).toBe(4)
  expect(servers.seenAt('/register')).toHaveLength(1)
  expect((await shell.run(['login'])).code).toBe(4)
  expect(servers.seenAt('/register')).toHaveLength(2)
})
