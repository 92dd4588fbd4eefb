// Authorization servers that people would take instead of ours, and the least that one could do.
import { freePorts, startProcess } from '@gatehouse/testing'
import { createCaller } from '../caller.ts'
import { readyWithin, robot, type TokenServer } from '../servers.ts'

const programs = 'packages/bench/src/beside'
const resource = 'http://localhost:3000/mcp'
const env = { NODE_ENV: 'production' }

/** Better Auth with its OAuth provider plugin, its store in memory. */
export async function startBetterAuth(): Promise<TokenServer> {
  const [port = 0] = await freePorts(1)
  const { pid, says, end } = startProcess([`${programs}/better-auth.ts`, String(port), resource], { env })
  const [, told = ''] = await says(/^(\{.+\})$/m, readyWithin)
  const { client_id, client_secret } = JSON.parse(told)
  return tokenServer(port, { pid, end, path: '/api/auth/oauth2/token', client: { client_id, client_secret } })
}

/** Fastify, which signs a token and answers. */
export async function startOneSignature(): Promise<TokenServer> {
  const { pid, says, end } = startProcess([`${programs}/one-signature.ts`, 'http://localhost:4000', resource], { env })
  const [, port] = await says(/^(\d+)$/m, readyWithin)
  const { client_id, client_secret } = robot
  return tokenServer(Number(port), { pid, end, path: '/token', client: { client_id, client_secret } })
}

interface Started extends Omit<TokenServer, 'caller' | 'resource' | typeof Symbol.asyncDispose> {
  readonly end: () => Promise<void>
}

function tokenServer(port: number, { end, ...server }: Started): TokenServer {
  const caller = createCaller(port)
  return {
    ...server,
    caller,
    resource,
    async [Symbol.asyncDispose]() {
      caller[Symbol.dispose]()
      await end()
    },
  }
}
