// What nobody may do: processes, services against each other, clients and tunnels against the edge, readers of logs.
import assert from 'node:assert/strict'
import { ask, openDeviceLogin, startDevice } from './oauth.mjs'
import { textOf } from './person.mjs'

export async function processesAreConfined({ stack }) {
  for (const service of ['edge', 'auth', 'mcp', 'redis']) {
    const [id] = await stack.containers(service)
    const { HostConfig, State } = await stack.inspect(id)
    assert.equal(State.Health.Status, 'healthy', service)
    assert.ok(HostConfig.ReadonlyRootfs, service)
    const status = await stack.exec(service, 'cat', '/proc/1/status')
    const uids = /^Uid:\s+(.*)$/m.exec(status)[1].split(/\s+/)
    assert.ok(!uids.includes('0'), `${service} runs as ${uids}`)
    assert.match(status, /^CapBnd:\s+0+$/m, service)
    assert.match(status, /^NoNewPrivs:\s+1$/m, service)
  }
}

export async function secretsStay({ stack }) {
  const before = await readSecrets(stack)
  await stack.compose(['run', '--rm', '-T', 'secrets'])
  assert.deepEqual(await readSecrets(stack), before)
  for (const [name, value] of Object.entries(before)) assert.ok(value.length >= 32, name)
}

export async function servicesAreSeparate({ stack }) {
  const filesOf = (service) => stack.exec(service, 'find', '/run/gatehouse', '-type', 'f')
  assert.doesNotMatch(await filesOf('mcp'), /auth-secret|operator|users\.acl/)
  assert.doesNotMatch(await filesOf('redis'), /auth-secret|redis-url/)
  const secrets = await readSecrets(stack)
  const asked = async (service, ...command) => {
    const url = secrets[`${service}/redis-url`].replace('@redis:', '@127.0.0.1:')
    return (await stack.exec('redis', 'redis-cli', '--no-auth-warning', '-u', url, ...command)).trim()
  }
  assert.equal(await asked('mcp', 'SET', 'mcp:test', '1', 'EX', '60'), 'OK')
  const forbidden = ['GET auth:x', 'DEL auth:x', 'PUBLISH auth:x 1', 'SCAN 0', 'KEYS *', 'CONFIG GET *', 'FLUSHALL']
  for (const command of forbidden) assert.match(await asked('mcp', ...command.split(' ')), /^NOPERM/, command)
  assert.match(await asked('auth', 'GET', 'mcp:test'), /^NOPERM/)
  assert.match(await stack.exec('redis', 'redis-cli', 'GET', 'auth:x'), /^NOAUTH/)
}

export async function otherNamesAreRefused({ stack }) {
  for (const url of [`${stack.issuer}/token`, stack.resource]) {
    const other = new URL(url)
    other.hostname = '127.0.0.1'
    assert.equal((await ask(other, { method: 'POST' })).status, 421, url)
  }
}

export async function claimedAddressIsIgnored({ stack, server }) {
  const headers = { 'x-forwarded-for': '9.9.9.9', 'x-real-ip': '9.9.9.9', forwarded: 'for=9.9.9.9' }
  await ask(server.jwks_uri, { headers })
  const seen = await stack.addressesSeen('auth', '/jwks')
  assert.ok(seen.length > 0, 'the request is in the log of auth')
  assert.ok(!seen.includes('9.9.9.9') && !seen.includes(stack.edge), `auth saw ${seen}`)
}

export async function tunnelIsRefused({ server }) {
  const headers = [
    { 'x-forwarded-for': '9.9.9.9' },
    { 'x-forwarded-host': 'tunnel.example' },
    { 'x-forwarded-proto': 'http' },
    { forwarded: 'for=9.9.9.9' },
    { 'x-real-ip': '127.0.0.1' },
  ]
  const spellings = ['/interaction/', '/%69nteraction/', '/interactio%6e/']
  const sent = [...headers.map((own) => [own, spellings[0]]), ...spellings.map((path) => [headers[0], path])]
  for (const [own, path] of sent) {
    const { person, login } = await openDeviceLogin(server, await startDevice(server))
    const page = { ...login, html: login.html.replaceAll('/interaction/', path) }
    const refused = await person.press(page, 'Sign in', { fields: { name: 'mallory' }, headers: own })
    assert.equal(refused.status, 403, path)
    assert.match(textOf(refused), /tunnel/, path)
  }
}

export async function logsHaveNoSecrets({ stack, tokens }) {
  const logs = await stack.compose(['logs', '--no-color'])
  const { 'auth/redis-url': auth, 'mcp/redis-url': mcp, ...rest } = await readSecrets(stack)
  const secrets = [...Object.values(rest), ...[auth, mcp].map((url) => new URL(url).password)]
  for (const { access_token, refresh_token } of Object.values(tokens)) secrets.push(access_token, refresh_token)
  assert.ok(!secrets.some((secret) => logs.includes(secret)))
  assert.doesNotMatch(logs, /\/interaction\/[\w-]{20}/, 'the id of an interaction')
}

async function readSecrets(stack) {
  const files = { auth: ['redis-url', 'auth-secret'], mcp: ['redis-url'], redis: ['operator-password', 'users.acl'] }
  const read = Object.entries(files).flatMap(([service, names]) =>
    names.map(async (name) => [
      `${service}/${name}`,
      (await stack.exec(service, 'cat', `/run/gatehouse/${name}`)).trim(),
    ]),
  )
  return Object.fromEntries(await Promise.all(read))
}
