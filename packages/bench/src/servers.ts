// The authorization servers that are measured, each a process of its own with the settings of production.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { freePorts, startProcess, startStack } from '@gatehouse/testing'
import { type Caller, createCaller } from './caller.ts'

/** One for all: several of a run may have the same Redis. */
const secret = randomBytes(32).toString('base64')

export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

export const terminal = {
  client_id: 'terminal',
  client_name: 'Terminal',
  token_endpoint_auth_method: 'none',
  grant_types: [deviceGrant, 'refresh_token'],
  response_types: [],
  redirect_uris: [],
} as const

export const robot = {
  client_id: 'robot',
  client_secret: randomBytes(24).toString('base64url'),
  token_endpoint_auth_method: 'client_secret_post',
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
} as const

export interface Server extends AsyncDisposable {
  readonly pid: number
  readonly caller: Caller
  /** Where codes are asked for: RFC 8628 §3.1. */
  readonly deviceAuthorization: string
}

export interface GatehouseOptions {
  /** Absent: SQLite. */
  readonly redisUrl?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Devices may poll every second, and the caller says whose requests it hands on. */
export async function startGatehouse({ redisUrl, env = {} }: GatehouseOptions = {}): Promise<Server> {
  const auth = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    TRUST_PROXY: '127.0.0.0/8',
    AUTH_DEV_LOGIN: 'true',
    AUTH_SECRET: secret,
    ...(redisUrl && { REDIS_URL: redisUrl }),
    ...env,
  }
  const stack = await startStack({ services: ['auth'], clients: [terminal, robot], env: { auth } })
  const caller = createCaller(Number(new URL(stack.issuer).port))
  return {
    pid: stack.pid('auth'),
    caller,
    deviceAuthorization: '/device_authorization',
    async [Symbol.asyncDispose]() {
      caller[Symbol.dispose]()
      await stack[Symbol.asyncDispose]()
    },
  }
}

/**
 * oidc-provider alone, which counts nothing, keeps nothing and looks at no interval. `refreshTokens` are of a sign-in each, of
 * the client {@link terminal}.
 */
export async function startBareProvider(): Promise<Server & { readonly refreshTokens: readonly string[] }> {
  const [port = 0] = await freePorts(1)
  const program = join(import.meta.dirname, 'bare-provider.ts')
  const process = startProcess([program, String(port), JSON.stringify([terminal, robot])], {
    env: { NODE_ENV: 'production' },
  })
  const [, refreshTokens = ''] = await process.says(/it listens (.*)/)
  const caller = createCaller(port)
  return {
    pid: process.pid,
    caller,
    refreshTokens: JSON.parse(refreshTokens),
    deviceAuthorization: '/device/auth',
    async [Symbol.asyncDispose]() {
      caller[Symbol.dispose]()
      await process.end()
    },
  }
}
