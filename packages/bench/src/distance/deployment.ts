// The two services with a Redis that can be far away, and somebody who signs in there.
import { createHash, randomBytes } from 'node:crypto'
import { createPerson, startStack, startTestRedis } from '@gatehouse/testing'
import { type Caller, createCaller } from '../caller.ts'
import { deviceGrant, robot } from '../servers.ts'
import { type FarRedis, startFarRedis } from './far-redis.ts'

export const redirect = 'https://app.example.com/callback'

/** It may ask what its tokens are worth. */
export const website = {
  client_id: 'website',
  client_name: 'Website',
  client_secret: randomBytes(24).toString('base64url'),
  token_endpoint_auth_method: 'client_secret_post',
  grant_types: ['authorization_code', 'refresh_token', deviceGrant],
  redirect_uris: [redirect],
} as const

export interface Deployment extends AsyncDisposable {
  readonly redis: FarRedis
  readonly auth: Caller
  readonly mcp: Caller
  /** Fields of a token request: a code that a person just allowed. */
  readonly allowCode: (clientId: string) => Promise<Readonly<Record<string, string>>>
  readonly approveDevice: (userCode: string) => Promise<void>
}

export async function openDeployment(): Promise<Deployment> {
  await using opened = new AsyncDisposableStack()
  const near = opened.use(await startTestRedis())
  const redis = opened.use(await startFarRedis(near.url))
  const common = { NODE_ENV: 'production', LOG_LEVEL: 'info', REDIS_URL: redis.url, TRUST_PROXY: '127.0.0.0/8,::1' }
  const auth = {
    ...common,
    HOST: '127.0.0.1',
    AUTH_DEV_LOGIN: 'true',
    AUTH_HOLD_SECONDS: '0',
    AUTH_SECRET: randomBytes(32).toString('base64'),
  }
  const stack = opened.use(await startStack({ clients: [robot, website], env: { auth, mcp: common } }))
  const caller = (url: string) => opened.use(createCaller(Number(new URL(url).port)))
  const callers = { auth: caller(stack.issuer), mcp: caller(stack.resource) }
  const person = createPerson(stack)
  const signIn = async () => {
    if (person.page.heading.startsWith('Sign in')) await person.logIn()
  }
  const all = opened.move()
  return {
    redis,
    ...callers,
    async allowCode(clientId) {
      const verifier = randomBytes(32).toString('base64url')
      const query = new URLSearchParams({
        client_id: clientId,
        redirect_uri: redirect,
        response_type: 'code',
        scope: 'mcp:tools:read mcp:tools:call offline_access',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        prompt: 'consent',
      })
      await person.open(`${stack.issuer}/authorize?${query}`)
      await signIn()
      const { leftTo, text } = await person.approve()
      const code = leftTo?.searchParams.get('code')
      if (!code) throw new Error(`There is no code: ${text}`)
      return { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirect }
    },
    async approveDevice(userCode) {
      await person.enterCode(userCode)
      await signIn()
      const { heading, text } = await person.approve()
      if (heading !== 'You are signed in on your device') throw new Error(`The approval was refused: ${text}`)
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
