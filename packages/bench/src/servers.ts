// The authorization servers that are measured, each a process of its own with the settings of production.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { freePorts, startProcess, startStack } from '@gatehouse/testing'
import { type Caller, createCaller } from './caller.ts'
import { imageSettings } from './image-settings.ts'

/** One for all: several of a run may have the same Redis. */
const secret = randomBytes(32).toString('base64')

/** Milliseconds: a machine that does much besides takes its time, which is nothing to be measured. */
export const readyWithin = 120_000

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

/** An authorization server that is asked for tokens. */
export interface TokenServer extends AsyncDisposable {
  readonly pid: number
  readonly caller: Caller
  /** What its tokens are for. */
  readonly resource: string
  /** Of its token endpoint. Absent: /token. */
  readonly path?: string
  /** The client that gets tokens for itself. Absent: the robot. */
  readonly client?: { readonly client_id: string; readonly client_secret: string }
}

export interface Server extends TokenServer {
  /** Where codes are asked for: RFC 8628 §3.1. */
  readonly deviceAuthorization: string
}

export interface GatehouseOptions {
  /** Absent: SQLite. */
  readonly redisUrl?: string
  readonly env?: Readonly<Record<string, string>>
  /** Runs what was compiled into `dist`, as images do. */
  readonly built?: boolean
}

/** Devices may poll every second, and the caller says whose requests it hands on. */
export async function startGatehouse({ redisUrl, env = {}, built = false }: GatehouseOptions = {}): Promise<Server> {
  const auth = {
    ...imageSettings(),
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    TRUST_PROXY: '127.0.0.0/8',
    AUTH_DEV_LOGIN: 'true',
    AUTH_SECRET: secret,
    ...(redisUrl && { REDIS_URL: redisUrl }),
    ...env,
  }
  const stack = await startStack({ services: ['auth'], clients: [terminal, robot], env: { auth }, readyWithin, built })
  const caller = createCaller(Number(new URL(stack.issuer).port))
  return {
    pid: stack.pid('auth'),
    caller,
    deviceAuthorization: '/device_authorization',
    resource: stack.resource,
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
  const [, refreshTokens = ''] = await process.says(/it listens (.*)/, readyWithin)
  const caller = createCaller(port)
  return {
    pid: process.pid,
    caller,
    deviceAuthorization: '/device/auth',
    resource: 'http://localhost:3000/mcp',
    refreshTokens: JSON.parse(refreshTokens),
    async [Symbol.asyncDispose]() {
      caller[Symbol.dispose]()
      await process.end()
    },
  }
}
