// Several replicas: that all of them work, and that the death of one is nobody's trouble.
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { ask, call, refresh } from '../replicas/wire.ts'
import { collect, greet, logInWithDevice, type Scene, signInAtDevice, startDevice, tokensOf } from './scene.ts'

const large = { scale: { auth: 2, mcp: 3 } }
const small = { scale: { auth: 1, mcp: 1 } }
/** Milliseconds. The edge asks the DNS every second, and a new replica for /readyz. */
const noticed = 3000

export async function allReplicasWork(scene: Scene): Promise<void> {
  const { stack } = scene
  await stack.up(large)
  await wait(noticed)
  const device = tokensOf(scene, 'device')
  await Promise.all(Array.from({ length: 60 }, (_, n) => greet(stack, device, `n${n}`)))
  for (let n = 0; n < 5; n++) await greet(stack, await logInWithDevice(stack, `user${n}`), 'all')
  for (const [service, replicas, path] of [
    ['auth', 2, '/device_authorization'],
    ['mcp', 3, '/mcp'],
  ] as const) {
    const containers = await stack.containers(service)
    expect(containers).toHaveLength(replicas)
    for (const container of containers)
      expect(await stack.logsOf(container), `${service} ${container.id} got requests`).toContain(`"path":"${path}"`)
  }
}

/** Once with each replica, so that no half of the flow was on the one that happened to live. */
export async function authMayDie({ stack }: Scene): Promise<void> {
  const replicas = await stack.containers('auth')
  expect(replicas).toHaveLength(2)
  for (const [n, replica] of replicas.entries()) {
    const device = await startDevice(stack)
    const person = await signInAtDevice(stack, device)
    await stack.kill(replica)
    await person.approve()
    await greet(stack, await collect(device), `survivor${n}`)
    await stack.up(large)
    await wait(noticed)
  }
}

export async function mcpMayDie(scene: Scene): Promise<void> {
  const { stack } = scene
  const [victim] = await stack.containers('mcp')
  if (!victim) throw new Error('no mcp')
  await stack.kill(victim)
  for (let n = 0; n < 60; n++) await greet(stack, tokensOf(scene, 'device'), `n${n}`)
}

/** Replicas that are asked to stop finish what they have; what they refuse goes to another. */
export async function scalingDownLosesNothing(scene: Scene): Promise<void> {
  const { stack } = scene
  const { clientId, access } = tokensOf(scene, 'device')
  await stack.up(large)
  await wait(noticed)
  const failures: string[] = []
  let requests = 0
  let isDone = false
  const metadata = async () => expectStatus(200, await ask(`${stack.issuer}/.well-known/oauth-authorization-server`))
  // asks the store, changes nothing, and is not counted as device codes and registrations are
  const token = async () => expectStatus(400, await refresh(stack, 'x', {}, clientId))
  const greeting = async () => {
    const { status, text } = await call(stack, access, 'greet', { name: 'load' })
    if (!text.includes('Hello, load!')) throw new Error(`greet: ${status} ${text.slice(0, 300)}`)
  }
  const load = async (request: () => Promise<void>) => {
    while (!isDone) {
      requests++
      await request().catch((error: Error) => failures.push(error.message))
      await wait(5)
    }
  }
  const running = [metadata, token, token, greeting, greeting].map(load)
  try {
    await stack.up(small)
    await wait(noticed)
  } finally {
    isDone = true
    await Promise.all(running)
  }
  expect(requests).toBeGreaterThan(100)
  expect(failures, `of ${requests} requests`).toEqual([])
}

function expectStatus(wanted: number, { status, text }: { readonly status: number; readonly text: string }): void {
  if (status !== wanted) throw new Error(`${status} instead of ${wanted}: ${text.slice(0, 300)}`)
}
