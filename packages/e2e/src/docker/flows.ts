// What has to work, and to go on while Redis restarts, is away, or the secret changes.
import { setTimeout as wait } from 'node:timers/promises'
import { until } from '@gatehouse/testing'
import { expect } from 'vitest'
import { ask, refresh } from '../replicas/wire.ts'
import {
  finish,
  greet,
  logInWithCode,
  logInWithDevice,
  renew,
  type Scene,
  signInAtDevice,
  startDevice,
  tokensOf,
  untilReady,
} from './scene.ts'

const noticedWithin = 30_000
/** Milliseconds, of the 4,500 of a hold. */
const hungUpAfter = 500
const heldFor = 500

/** As a client finds them that knows the address of the MCP server alone. */
export async function metadataIsFound({ stack }: Scene): Promise<void> {
  const refused = await ask(stack.resource, { method: 'POST' })
  const metadataUrl = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1] ?? ''
  const { json } = await ask(metadataUrl)
  expect(json).toMatchObject({ resource: stack.resource, authorization_servers: [stack.issuer] })
  const server = await ask(`${stack.issuer}/.well-known/oauth-authorization-server`)
  expect(server.json).toMatchObject({
    issuer: stack.issuer,
    authorization_endpoint: `${stack.issuer}/authorize`,
    token_endpoint: `${stack.issuer}/token`,
    registration_endpoint: `${stack.issuer}/register`,
    device_authorization_endpoint: `${stack.issuer}/device_authorization`,
    jwks_uri: `${stack.issuer}/jwks`,
  })
}

export async function deviceLogin({ stack, tokens }: Scene): Promise<void> {
  const own = await logInWithDevice(stack, 'device')
  tokens.set('device', own)
  await greet(stack, own, 'device')
}

/** While a poll is held another one is too fast: so the edge has to tell that a device hung up. */
export async function deviceWaits({ stack }: Scene): Promise<void> {
  const device = await startDevice(stack)
  const person = await signInAtDevice(stack, device)
  await device.poll({}, { signal: AbortSignal.timeout(hungUpAfter) })
  await wait(device.interval * 1_000)
  const poll = device.poll()
  await wait(heldFor)
  await person.approve()
  const { status, text } = await poll
  expect(status, text).toBe(200)
}

export async function codeLogin({ stack, tokens }: Scene): Promise<void> {
  const own = await logInWithCode(stack, 'code')
  tokens.set('code', own)
  await greet(stack, own, 'code')
}

export async function redisRestart(scene: Scene): Promise<void> {
  const { stack } = scene
  const device = await startDevice(stack)
  await stack.compose(['restart', 'redis'])
  await untilReady(stack)
  await renew(scene)
  await finish(stack, device)
}

export async function redisOutage(scene: Scene): Promise<void> {
  const { stack } = scene
  const [redis] = await stack.containers('redis')
  if (!redis) throw new Error('no Redis')
  await stack.kill(redis)
  await until(async () => (await ask(`${stack.issuer}/readyz`)).status === 503, noticedWithin)
  expect((await ask(`${stack.issuer}/jwks`)).status).toBe(200)
  expect((await ask(`${stack.issuer}/.well-known/oauth-authorization-server`)).status).toBe(200)
  await greet(stack, tokensOf(scene, 'device'), 'outage')
  const refused = await refresh(stack, 'x', {}, tokensOf(scene, 'code').clientId)
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).not.toBeNull()
  expect(refused.took).toBeLessThan(1500)
  // auth starts again without Redis, which comes later
  await stack.compose(['restart', '--no-deps', 'auth'])
  await stack.compose(['start', 'redis'])
  await untilReady(stack)
  await logInWithDevice(stack, 'after')
}

export async function secretRotation(scene: Scene): Promise<void> {
  const { stack } = scene
  const device = await startDevice(stack)
  await stack.compose(['run', '--rm', '-T', 'secrets', 'rotate'])
  await stack.compose(['restart', '--no-deps', 'auth'])
  await untilReady(stack)
  await renew(scene)
  await finish(stack, device)
}

export async function endsClean({ stack }: Scene): Promise<void> {
  await stack.down()
  expect(await stack.remains()).toBe('')
}
