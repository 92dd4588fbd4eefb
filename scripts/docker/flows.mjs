// What has to work, and to go on while Redis restarts, is away, or the secret changes.
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { ask, collect, greet, logInWithCode, logInWithDevice, refresh, signInAtDevice, startDevice } from './oauth.mjs'

export const deviceLogin = (scene) => login(scene, 'device', logInWithDevice)
export const codeLogin = (scene) => login(scene, 'code', logInWithCode)

async function login({ server, tokens }, kind, logIn) {
  tokens[kind] = await logIn(server, kind)
  assert.ok(tokens[kind].refresh_token, JSON.stringify(tokens[kind]))
  assert.equal(await greet(server, tokens[kind], kind), `Hello, ${kind}!`)
}

export async function redisRestart({ stack, server, tokens }) {
  const device = await startDevice(server)
  await stack.compose(['restart', 'redis'])
  await untilReady(stack)
  await renew(server, tokens)
  await finish(server, device)
}

export async function redisOutage({ stack, server, tokens }) {
  const [redis] = await stack.containers('redis')
  await stack.kill(redis)
  await until('/readyz answers 503', async () => (await ask(`${stack.issuer}/readyz`)).status === 503)
  assert.equal((await ask(server.jwks_uri)).status, 200)
  assert.equal((await ask(`${stack.issuer}/.well-known/oauth-authorization-server`)).status, 200)
  assert.equal(await greet(server, tokens.device, 'outage'), 'Hello, outage!')
  const start = performance.now()
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: tokens.code.client_id,
    refresh_token: 'x',
  })
  const refused = await ask(server.token_endpoint, { method: 'POST', body })
  assert.equal(refused.status, 503)
  assert.ok(refused.headers.get('retry-after') !== null && performance.now() - start < 1500)
  // auth starts anew without Redis; Redis comes later
  await stack.compose(['restart', '--no-deps', 'auth'])
  await stack.compose(['start', 'redis'])
  await untilReady(stack)
  await logInWithDevice(server, 'after')
}

export async function secretRotation({ stack, server, tokens }) {
  const device = await startDevice(server)
  await stack.compose(['run', '--rm', '-T', 'secrets', 'rotate'])
  await stack.compose(['restart', '--no-deps', 'auth'])
  await untilReady(stack)
  await renew(server, tokens)
  await finish(server, device)
}

export async function endsClean(stack) {
  await stack.down()
  assert.equal(await stack.remains(), '')
}

/** A refresh token from before still works. */
async function renew(server, tokens) {
  tokens.code = { ...tokens.code, ...(await refresh(server, tokens.code)) }
  assert.equal(tokens.code.status, 200, JSON.stringify(tokens.code.error))
}

/** A device code from before can still be approved and collected. */
async function finish(server, device) {
  const { person, approval } = await signInAtDevice(server, device, 'ada')
  await person.press(approval, 'Approve')
  assert.ok((await collect(server, device)).access_token)
}

/** The services answer so at once; Docker's checks of the containers follow some seconds later. */
async function untilReady(stack) {
  await until('both services are ready', async () => {
    const answers = Object.values(stack.ports).map((port) => ask(`http://127.0.0.1:${port}/readyz`))
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
