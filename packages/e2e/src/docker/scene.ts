// What the checks of the stack share: the stack, and the tokens of those who signed in while it was whole.
import { createPerson, type Person, type PersonOptions, until } from '@gatehouse/testing'
import { expect } from 'vitest'
import {
  type Answer,
  ask,
  askAsDevice,
  authorizationRequest,
  call,
  type Device,
  redeem,
  refresh,
  register,
  registerApp,
} from '../replicas/wire.ts'
import type { Stack } from './stack.ts'

const readyWithin = 30_000

export interface Tokens {
  readonly clientId: string
  readonly access: string
  readonly refresh: string
}

export interface Scene {
  readonly stack: Stack
  /** By how people signed in. */
  readonly tokens: Map<'device' | 'code', Tokens>
}

export function tokensOf({ tokens }: Scene, kind: 'device' | 'code'): Tokens {
  const found = tokens.get(kind)
  if (!found) throw new Error(`nobody signed in by ${kind}`)
  return found
}

export interface OwnedDevice extends Device {
  readonly clientId: string
}

/** A device that registers itself and asks for a code. */
export async function startDevice(stack: Stack): Promise<OwnedDevice> {
  const clientId = clientOf(await register(stack, 'Docker test'))
  return { clientId, ...(await askAsDevice(stack, clientId)) }
}

/** Comes through the edge as anybody does, with nothing of a proxy about them. */
export const createVisitor = (stack: Stack, options: PersonOptions = {}): Person =>
  createPerson(stack, { forwarded: false, ...options })

/** Confirms the code and signs in: what is left is to approve. */
export async function signInAtDevice(stack: Stack, { userCode }: Device, name = 'ada'): Promise<Person> {
  const person = createVisitor(stack)
  await person.enterCode(userCode)
  await person.logIn(name)
  return person
}

/** Polls as often as the server allows until there is an answer. */
export async function collect(device: OwnedDevice): Promise<Tokens> {
  let answer: Answer | undefined
  const isDone = async () => {
    answer = await device.poll()
    return !['authorization_pending', 'slow_down'].includes(answer.json.error ?? '')
  }
  await until(isDone, 8 * (device.interval * 1000 + 100), device.interval * 1000 + 100)
  return tokensIn(device.clientId, answer)
}

export async function logInWithDevice(stack: Stack, name: string): Promise<Tokens> {
  const device = await startDevice(stack)
  const person = await signInAtDevice(stack, device, name)
  await person.approve()
  return collect(device)
}

/** Authorization code with PKCE, as a desktop client does it that registers itself. */
export async function logInWithCode(stack: Stack, name: string): Promise<Tokens> {
  const request = authorizationRequest(stack, clientOf(await registerApp(stack)))
  const person = createVisitor(stack)
  await person.open(request.url)
  await person.logIn(name)
  const { leftTo, text } = await person.approve()
  expect(leftTo?.searchParams.get('state'), text).toBe('of-the-app')
  return tokensIn(request.clientId, await redeem(stack, request, leftTo))
}

/** A refresh token from before still works. */
export async function renew(scene: Scene): Promise<void> {
  const { clientId, refresh: token } = tokensOf(scene, 'code')
  scene.tokens.set('code', tokensIn(clientId, await refresh(scene.stack, token, {}, clientId)))
}

/** A device code from before can still be approved and collected. */
export async function finish(stack: Stack, device: OwnedDevice): Promise<void> {
  const person = await signInAtDevice(stack, device)
  await person.approve()
  await collect(device)
}

export async function greet(stack: Stack, { access }: Tokens, name: string): Promise<void> {
  const { status, text } = await call(stack, access, 'greet', { name })
  expect(text, `${status}`).toContain(`Hello, ${name}!`)
}

/** The services answer so at once; Docker's checks of the containers follow some seconds later. */
export async function untilReady(stack: Stack): Promise<void> {
  const services = [stack.issuer, new URL(stack.resource).origin]
  const isReady = async () => (await Promise.all(services.map((url) => ask(`${url}/readyz`)))).every(isOk)
  await until(isReady, readyWithin)
  await stack.untilHealthy()
}

const isOk = ({ status }: Answer) => status === 200

function clientOf({ status, json, text }: Answer): string {
  if (status !== 201 || !json.client_id) throw new Error(`registration: ${status} ${text}`)
  return json.client_id
}

function tokensIn(clientId: string, answer: Answer | undefined): Tokens {
  const { access_token: access, refresh_token: refresh } = answer?.json ?? {}
  if (answer?.status !== 200 || !access || !refresh) throw new Error(`token: ${answer?.status} ${answer?.text}`)
  return { clientId, access, refresh }
}
