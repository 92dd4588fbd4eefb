// An authorization server on a store with so many grants, clients and devices in it.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createPerson, createRedisFolder, freePorts, type Stack, startProcess, startStack } from '@gatehouse/testing'
import { type Caller, createCaller } from '../caller.ts'
import { processorTime } from '../kernel.ts'
import { timeOfRedis } from '../redis-time.ts'
import { deviceGrant, robot } from '../servers.ts'
import { createAddresses } from './addresses.ts'

export type StoreName = 'SQLite' | 'Redis'

/** What one record takes in the store, and how long the program took that wrote them. */
export interface Filled {
  readonly kind: string
  readonly count: number
  readonly bytes: number
  readonly seconds: number
}

export interface Deployment extends AsyncDisposable {
  readonly pid: () => number
  readonly caller: Caller
  readonly redisUrl: string | undefined
  readonly clientId: string
  /** Of grants of their own: a refresh replaces one. */
  readonly refreshTokens: string[]
  /** One that has asked for little so far. */
  readonly nextAddress: () => string
  readonly filled: readonly Filled[]
  /** Of the start on the store as it is then: until it is ready, and of Redis until it has nothing to do any more. */
  readonly start: { readonly seconds: number; readonly processor: number; readonly ofRedis: number }
  /** Microseconds of a write, by kind; of SQLite. The server does not run any more. */
  readonly sweep: () => Promise<
    readonly { readonly kind: string; readonly processor: number; readonly waiting: number }[]
  >
}

const people = 8
const program = join('apps', 'auth', 'src', 'harness', 'fill-store.ts')
/** Milliseconds in which five million records are written, and more. */
const fillsWithin = 3_600_000
const metadata = {
  client_name: 'Bench',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token', deviceGrant],
  redirect_uris: ['https://app.example.com/callback'],
}

export async function openDeployment(store: StoreName, count: number): Promise<Deployment> {
  await using opened = new AsyncDisposableStack()
  const redisUrl = store === 'Redis' ? await startOwnRedis(opened) : undefined
  const secret = randomBytes(32).toString('base64')
  const auth = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    TRUST_PROXY: '127.0.0.0/8,::1',
    AUTH_DEV_LOGIN: 'true',
    AUTH_HOLD_SECONDS: '0',
    AUTH_SECRET: secret,
    ...(redisUrl && { REDIS_URL: redisUrl }),
  }
  const stack = opened.use(await startStack({ services: ['auth'], clients: [robot], env: { auth } }))
  const caller = opened.use(createCaller(Number(new URL(stack.issuer).port)))
  const nextAddress = createAddresses()
  const { clientId, refreshTokens } = await signInAll(stack, caller, nextAddress)

  await stack.stop('auth')
  const place = redisUrl ?? stack.dataDir
  const run = (task: string) => runProgram(task, { place, secret, count })
  const filled = (await run('fill')) as Filled[]
  const began = performance.now()
  const before = await timeOfRedis(redisUrl)
  await stack.start('auth')
  const seconds = (performance.now() - began) / 1_000
  const processor = processorTime(stack.pid('auth'))
  await untilIdle(redisUrl)
  const start = { seconds, processor, ofRedis: (await timeOfRedis(redisUrl)) - before }
  const all = opened.move()
  return {
    pid: () => stack.pid('auth'),
    caller,
    redisUrl,
    clientId,
    refreshTokens,
    nextAddress,
    filled,
    start,
    async sweep() {
      await stack.stop('auth')
      return (await run('sweep')) as Awaited<ReturnType<Deployment['sweep']>>
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

async function startOwnRedis(opened: AsyncDisposableStack): Promise<string> {
  const folder = opened.use(await createRedisFolder())
  const [port] = await freePorts(1)
  const options = { '--port': `${port}`, '--bind': '127.0.0.1', '--save': '', '--appendonly': 'no' }
  await folder.start(Object.entries(options).flat())
  return `redis://127.0.0.1:${port}`
}

/** People approve a client that registered itself, and one more device is left to wait: what the store is filled with copies of. */
async function signInAll(stack: Stack, caller: Caller, nextAddress: () => string) {
  const registered = await caller.postJson('/register', metadata)
  const { client_id: clientId } = JSON.parse(registered.text)
  const refreshTokens: string[] = []
  const ask = async () => {
    const form = { client_id: clientId, scope: 'mcp:tools:read mcp:tools:call offline_access' }
    return JSON.parse((await caller.post('/device_authorization', form, { 'x-forwarded-for': nextAddress() })).text)
  }
  for (let count = 0; count < people; count += 1) {
    const { device_code, user_code } = await ask()
    const person = createPerson(stack)
    await person.enterCode(user_code)
    await person.logIn(`person-${count}`)
    await person.approve()
    const answer = await caller.post('/token', { grant_type: deviceGrant, client_id: clientId, device_code })
    const { refresh_token } = JSON.parse(answer.text)
    if (!refresh_token) throw new Error(`There is no refresh token: ${answer.status}`)
    refreshTokens.push(refresh_token)
  }
  await ask()
  return { clientId, refreshTokens }
}

async function runProgram(task: string, settings: object): Promise<readonly unknown[]> {
  await using child = startProcess([program, task, JSON.stringify(settings)])
  const late = setTimeout(() => child.signal('SIGKILL'), fillsWithin)
  const { code } = await child.exited
  clearTimeout(late)
  if (code !== 0) throw new Error(`The store could not be filled: ${child.stderr()}`)
  return child
    .stdout()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** The service goes through all keys after its start. */
async function untilIdle(url: string | undefined): Promise<void> {
  const pause = 2_000
  for (let busy = url !== undefined; busy; ) {
    const before = await timeOfRedis(url)
    await wait(pause)
    busy = (await timeOfRedis(url)) - before > pause / 40
  }
}
