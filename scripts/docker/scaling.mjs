// Several replicas: that all of them work, and that the death of one is nobody's trouble.
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { ask, collect, greet, logInWithDevice, signInAtDevice, startDevice } from './oauth.mjs'

const LARGE = ['--no-recreate', '--scale', 'auth=2', '--scale', 'mcp=3']
const SMALL = ['--no-recreate', '--scale', 'auth=1', '--scale', 'mcp=1']
/** The edge asks the DNS every second, and a new replica for /readyz. */
const NOTICED = 3000

export async function up({ stack, server, tokens }) {
  await stack.up(LARGE)
  await wait(NOTICED)
  await Promise.all(Array.from({ length: 60 }, (_, n) => greet(server, tokens.device, `n${n}`)))
  for (let n = 0; n < 5; n++) {
    assert.equal(await greet(server, await logInWithDevice(server, `user${n}`), 'all'), 'Hello, all!')
  }
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

/** Once with each replica, so that no half of the flow was on the one that happened to live. */
export async function authDeath({ stack, server }) {
  for (const [n, id] of (await stack.containers('auth')).entries()) {
    const device = await startDevice(server)
    const { person, approval } = await signInAtDevice(server, device, 'ada')
    await stack.kill(id)
    await person.press(approval, 'Approve')
    assert.equal(await greet(server, await collect(server, device), `survivor${n}`), `Hello, survivor${n}!`)
    await stack.up(LARGE)
    await wait(NOTICED)
  }
}

export async function mcpDeath({ stack, server, tokens }) {
  const [victim] = await stack.containers('mcp')
  await stack.kill(victim)
  for (let n = 0; n < 60; n++) await greet(server, tokens.device, `n${n}`)
}

/** Replicas that are asked to stop finish what they have; what they refuse goes to another. */
export async function down({ stack, server, tokens }) {
  await stack.up(LARGE)
  await wait(NOTICED)
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
    const { status } = await ask(`${stack.issuer}/.well-known/oauth-authorization-server`)
    if (status !== 200) throw new Error(`metadata: ${status}`)
  }
  // asks the store, changes nothing, and is not counted as device codes and registrations are
  const token = async () => {
    const form = { grant_type: 'refresh_token', client_id: tokens.device.client_id, refresh_token: 'x' }
    const { status } = await ask(server.token_endpoint, { method: 'POST', body: new URLSearchParams(form) })
    if (status !== 400) throw new Error(`token: ${status}`)
  }
  const greeting = () => greet(server, tokens.device, 'load')
  const running = [metadata, token, token, greeting, greeting].map(load)
  try {
    await stack.up(SMALL)
    await wait(NOTICED)
  } finally {
    isDone = true
    await Promise.all(running)
  }
  assert.ok(requests > 100, `only ${requests} requests`)
  assert.equal(failures.length, 0, `of ${requests} requests: ${failures.slice(0, 20).join('\n')}`)
}
