// `npm run test:docker`: builds the images, brings up what `docker compose up` brings up, uses it through the edge as a
// person and a client do, scales it, kills replicas under it, and takes it down. Prints one line a check and, last,
// "N passed, N failed". Without an engine that answers it starts the one of .ci/docker-up, and stops it again.
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { onEnd } from './child.mjs'
import { createStack, findEngine } from './docker/compose.mjs'
import * as oauth from './docker/oauth.mjs'
import { textOf } from './docker/person.mjs'

const LONGEST_RUN = 15 * 60_000
const count = { passed: 0, failed: 0 }

const engine = await findEngine()
const stack = await createStack()
onEnd(() => abandon('was told to end'))
setTimeout(() => abandon('takes too long'), LONGEST_RUN).unref()

if (await check('the compose file publishes the edge on this machine alone, and confines every service', checkFile)) {
  try {
    await everything()
  } finally {
    await check('docker compose down leaves nothing behind', checkDown)
  }
}
await engine.stop()
process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`)
process.exit(count.failed > 0 ? 1 : 0)

async function everything() {
  const isBuilt = await check('the images build', () => stack.compose(['build'], { timeout: 600 }))
  if (!isBuilt || !(await check('the stack becomes healthy with no .env', () => stack.up()))) return
  await check('no process is root, has a capability or can write to its image', checkConfinement)
  await check('a second start changes no secret', checkSecretsStay)
  await check('each service reads its own secrets and Redis keys alone', checkSeparation)
  const server = await oauth.discover(stack.resource)
  await check('another name is answered with the right one', checkHosts)
  await check('the address that a client claims to have is not believed', () => checkClaimedAddress(server))
  await check('the developer login does not answer through a tunnel', () => checkTunnel(server))
  const tokens = {}
  await check('a device login ends in a greeting', () => checkLogin(server, 'device', tokens))
  await check('a login by authorization code ends in a greeting', () => checkLogin(server, 'code', tokens))
  await check('everything goes on over a restart of Redis', () => checkRedisRestart(server, tokens))
  await check('while Redis is away metadata is served, the rest is a 503, and nothing needs a hand', () =>
    checkOutage(server, tokens),
  )
  await check('two auth and three mcp come up, and all of them work', () => checkScale(server, tokens))
  await check('a device login survives the death of an auth replica', () => checkAuthDeath(server))
  await check('calls survive the death of an mcp replica', () => checkMcpDeath(server, tokens))
  await check('scaling down under load fails no request', () => checkScaleDown(server, tokens))
  await check('no secret and no token is in the logs', () => checkLogs(tokens))
}

async function check(title, run) {
  const start = performance.now()
  const time = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
  try {
    await run()
    count.passed++
    process.stdout.write(`✓ ${title} (${time()})\n`)
    return true
  } catch (error) {
    count.failed++
    process.stdout.write(`✗ ${title} (${time()})\n  ${String(error.stack).replaceAll('\n', '\n  ')}\n`)
    process.stdout.write(`  last logs:\n${await lastLogs()}`)
    return false
  }
}

/** Of each service, without the probes that come every second. */
async function lastLogs() {
  const logs = await stack.compose(['logs', '--no-color', '--tail', '200']).catch(String)
  const lines = stripVTControlCharacters(logs)
    .split('\n')
    .filter((line) => line && !/"path":"\/(livez|readyz)"|"request completed"/.test(line))
  const byService = Object.groupBy(lines, (line) => line.split(' ')[0])
  return Object.values(byService)
    .flatMap((own) => own.slice(-20))
    .map((line) => `  ${line.slice(0, 400)}\n`)
    .join('')
}

async function abandon(why) {
  process.stdout.write(`the docker test ${why}\n`)
  await stack.down().catch(() => undefined)
  await engine.stop().catch(() => undefined)
  process.stdout.write(`${count.passed} passed, ${count.failed + 1} failed\n`)
  process.exit(1)
}

async function checkFile() {
  const { services } = await stack.defaults()
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.map(({ host_ip, published, target }) => `${name} ${host_ip}:${published}:${target}`),
  )
  assert.deepEqual(published, ['edge 127.0.0.1:4000:4000', 'edge 127.0.0.1:3000:3000'])
  assert.equal(services.auth.environment.AUTH_ISSUER, 'http://localhost:4000')
  assert.equal(services.mcp.environment.MCP_RESOURCE_URL, 'http://localhost:3000/mcp')
  assert.deepEqual(
    JSON.parse(services.auth.environment.AUTH_RESOURCES).map(({ resource }) => resource),
    ['http://localhost:3000/mcp'],
  )
  for (const [name, { read_only, cap_drop, security_opt, deploy }] of Object.entries(services)) {
    const { cpus, memory, pids } = deploy.resources.limits
    assert.ok(
      read_only &&
        cap_drop.includes('ALL') &&
        security_opt.includes('no-new-privileges:true') &&
        cpus &&
        memory &&
        pids,
      name,
    )
  }
}

async function checkConfinement() {
  for (const service of ['edge', 'auth', 'mcp', 'redis']) {
    const [id] = await stack.containers(service)
    const { HostConfig, State } = await stack.inspect(id)
    assert.equal(State.Health.Status, 'healthy', service)
    assert.ok(HostConfig.ReadonlyRootfs, service)
    const status = await stack.exec(service, 'cat', '/proc/1/status')
    const uids = /^Uid:\s+(.*)$/m.exec(status)[1].split(/\s+/)
    assert.ok(
      uids.every((uid) => uid !== '0'),
      `${service} runs as ${uids}`,
    )
    assert.match(status, /^CapBnd:\s+0+$/m, service)
    assert.match(status, /^NoNewPrivs:\s+1$/m, service)
  }
}

async function readSecrets() {
  const files = { auth: ['redis-url', 'auth-secret'], mcp: ['redis-url'], redis: ['operator-password', 'users.acl'] }
  const read = Object.entries(files).flatMap(([service, names]) =>
    names.map(async (name) => [
      `${service}/${name}`,
      (await stack.exec(service, 'cat', `/run/gatehouse/${name}`)).trim(),
    ]),
  )
  return Object.fromEntries(await Promise.all(read))
}

async function checkSecretsStay() {
  const before = await readSecrets()
  await stack.compose(['run', '--rm', '-T', 'secrets'])
  assert.deepEqual(await readSecrets(), before)
  for (const [name, value] of Object.entries(before)) assert.ok(value.length >= 32, name)
}

async function checkSeparation() {
  const asRoot = (service) =>
    stack.compose(['exec', '-T', '--user', '0', service, 'find', '/run/gatehouse', '-type', 'f'])
  assert.doesNotMatch(await asRoot('mcp'), /auth-secret|operator|users\.acl/)
  assert.doesNotMatch(await asRoot('redis'), /auth-secret|redis-url/)
  const secrets = await readSecrets()
  const asked = async (service, ...command) => {
    const url = secrets[`${service}/redis-url`].replace('@redis:', '@127.0.0.1:')
    return (await stack.exec('redis', 'redis-cli', '--no-auth-warning', '-u', url, ...command)).trim()
  }
  assert.equal(await asked('mcp', 'SET', 'mcp:test', '1'), 'OK')
  for (const command of [
    ['GET', 'auth:x'],
    ['DEL', 'auth:x'],
    ['PUBLISH', 'auth:x', '1'],
    ['SCAN', '0'],
    ['KEYS', '*'],
    ['CONFIG', 'GET', '*'],
    ['FLUSHALL'],
  ]) {
    assert.match(await asked('mcp', ...command), /^NOPERM/, command.join(' '))
  }
  assert.match(await asked('auth', 'GET', 'mcp:test'), /^NOPERM/)
  assert.match(await stack.exec('redis', 'redis-cli', 'GET', 'auth:x'), /^NOAUTH/)
}

async function checkHosts() {
  // fetch does not send another Host, but a name that means this machine as well does
  for (const [port, url] of [
    [stack.ports.auth, `${stack.issuer}/token`],
    [stack.ports.mcp, stack.resource],
  ]) {
    const other = new URL(url)
    other.hostname = '127.0.0.1'
    const answer = await oauth.ask(other, { method: 'POST' })
    assert.equal(answer.status, 421, port)
  }
  for (const port of Object.values(stack.ports))
    assert.equal((await oauth.ask(`http://127.0.0.1:${port}/readyz`)).status, 200)
}

async function checkClaimedAddress(server) {
  const claims = ['x-forwarded-for', 'X-Real-IP', 'Forwarded'].map((name) => [
    name,
    name === 'Forwarded' ? 'for=9.9.9.9' : '9.9.9.9',
  ])
  await oauth.ask(server.jwks_uri, { headers: Object.fromEntries(claims) })
  const [auth] = await stack.containers('auth')
  const seen = [...(await stack.logsOf(auth)).matchAll(/"path":"\/jwks","remoteAddress":"([^"]*)"/g)].map(
    ([, address]) => address,
  )
  assert.ok(seen.length > 0, 'the request is in the log of auth')
  assert.ok(!seen.includes('9.9.9.9') && !seen.includes(`${stack.network}.2`), `auth saw ${seen}`)
}

async function checkTunnel(server) {
  const { person, login } = await oauth.signInAtDevice(server, await oauth.startDevice(server), 'ada')
  const headers = { 'x-forwarded-for': '9.9.9.9' }
  const refused = await person.press(login, 'Sign in', { fields: { name: 'mallory' }, headers })
  assert.equal(refused.status, 403)
  assert.match(textOf(refused), /tunnel/)
}

async function checkLogin(server, kind, tokens) {
  const logIn = { device: oauth.logInWithDevice, code: oauth.logInWithCode }[kind]
  tokens[kind] = await logIn(server, kind)
  assert.ok(tokens[kind].refresh_token, JSON.stringify(tokens[kind]))
  assert.equal(await oauth.greet(server, tokens[kind], kind), `Hello, ${kind}!`)
}

async function checkRedisRestart(server, tokens) {
  const device = await oauth.startDevice(server)
  await stack.compose(['restart', 'redis'])
  await untilReady()
  tokens.code = { ...tokens.code, ...(await oauth.refresh(server, tokens.code)) }
  assert.equal(tokens.code.error, undefined)
  const { person, approval } = await oauth.signInAtDevice(server, device, 'ada')
  await person.press(approval, 'Approve')
  assert.ok((await oauth.collect(server, device)).access_token)
}

async function checkOutage(server, tokens) {
  const [redis] = await stack.containers('redis')
  await stack.kill(redis)
  const probe = () => oauth.ask(`${stack.issuer}/readyz`).then(({ status }) => status === 503)
  await until('/readyz answers 503', probe)
  assert.equal((await oauth.ask(server.jwks_uri)).status, 200)
  assert.equal((await oauth.ask(`${stack.issuer}/.well-known/oauth-authorization-server`)).status, 200)
  assert.equal(await oauth.greet(server, tokens.device, 'outage'), 'Hello, outage!')
  const start = performance.now()
  const refused = await oauth.ask(server.token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: tokens.code.client_id, refresh_token: 'x' }),
  })
  assert.equal(refused.status, 503)
  assert.ok(refused.headers.get('retry-after') !== null && performance.now() - start < 1500)
  // auth starts anew without Redis, then Redis comes
  await stack.compose(['restart', '--no-deps', 'auth'])
  await stack.compose(['start', 'redis'])
  await untilReady()
  await oauth.logInWithDevice(server, 'after')
}

async function checkScale(server, tokens) {
  await stack.up(['--scale', 'auth=2', '--scale', 'mcp=3', '--no-recreate'])
  await wait(3000) // the edge asks the DNS every second, and each new replica for /readyz
  await Promise.all(Array.from({ length: 60 }, (_, n) => oauth.greet(server, tokens.device, `n${n}`)))
  for (let n = 0; n < 5; n++) await oauth.greet(server, await oauth.logInWithDevice(server, `user${n}`), 'scaled')
  for (const [service, replicas, path] of [
    ['auth', 2, '/device_authorization'],
    ['mcp', 3, '/mcp'],
  ]) {
    const ids = await stack.containers(service)
    assert.equal(ids.length, replicas)
    for (const id of ids)
      assert.ok((await stack.logsOf(id)).includes(`"path":"${path}"`), `${service} ${id} got requests`)
  }
}

async function checkAuthDeath(server) {
  const device = await oauth.startDevice(server)
  const { person, approval } = await oauth.signInAtDevice(server, device, 'ada')
  const [first, second] = await stack.containers('auth')
  await stack.kill(first)
  await person.press(approval, 'Approve')
  assert.equal(await oauth.greet(server, await oauth.collect(server, device), 'survivor'), 'Hello, survivor!')
  // and once more with the other replica, so that no half of the flow was on the one that happened to live
  await stack.up(['--scale', 'auth=2', '--scale', 'mcp=3', '--no-recreate'])
  const again = await oauth.startDevice(server)
  await stack.kill(second)
  const other = await oauth.signInAtDevice(server, again, 'ada')
  await other.person.press(other.approval, 'Approve')
  assert.ok((await oauth.collect(server, again)).access_token)
  await stack.up(['--scale', 'auth=2', '--scale', 'mcp=3', '--no-recreate'])
}

async function checkMcpDeath(server, tokens) {
  const [victim] = await stack.containers('mcp')
  await stack.kill(victim)
  for (let n = 0; n < 60; n++) await oauth.greet(server, tokens.device, `n${n}`)
}

async function checkScaleDown(server, tokens) {
  await stack.up(['--scale', 'auth=2', '--scale', 'mcp=3', '--no-recreate'])
  await wait(3000)
  const failures = []
  let requests = 0
  let isDone = false
  const load = async (request) => {
    while (!isDone) {
      requests++
      await request().catch((error) => failures.push(error.message))
      await wait(5)
    }
  }
  const metadata = async () => {
    const { status } = await oauth.ask(`${stack.issuer}/.well-known/oauth-authorization-server`)
    if (status !== 200) throw new Error(`metadata: ${status}`)
  }
  const greeting = () => oauth.greet(server, tokens.device, 'load')
  const running = [metadata, metadata, greeting, greeting].map(load)
  try {
    await stack.up(['--scale', 'auth=1', '--scale', 'mcp=1', '--no-recreate'])
    await wait(2000)
  } finally {
    isDone = true
    await Promise.all(running)
  }
  assert.ok(requests > 100, `only ${requests} requests`)
  assert.deepEqual(failures, [], `of ${requests} requests`)
}

async function checkLogs(tokens) {
  const logs = await stack.logs()
  const { 'auth/redis-url': auth, 'mcp/redis-url': mcp, ...rest } = await readSecrets()
  const secrets = [...Object.values(rest), ...[auth, mcp].map((url) => new URL(url).password)]
  for (const { access_token, refresh_token } of Object.values(tokens)) secrets.push(access_token, refresh_token)
  assert.ok(!secrets.some((secret) => logs.includes(secret)))
}

async function checkDown() {
  await stack.down()
  assert.equal(await stack.remains(), '')
}

/** The services answer so at once, Docker's checks of the containers follow some seconds later. */
async function untilReady() {
  await until('both services are ready', async () => {
    const answers = Object.values(stack.ports).map((port) => oauth.ask(`http://127.0.0.1:${port}/readyz`))
    return (await Promise.all(answers)).every(({ status }) => status === 200)
  })
  await until('all containers are healthy', async () => {
    const containers = await Promise.all((await stack.containers()).map(stack.inspect))
    return containers.every(({ State }) => State.Health.Status === 'healthy')
  })
}

async function until(what, isSo) {
  const deadline = Date.now() + 30_000
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 30 s`)
    await wait(200)
  }
}
