// For tests: several replicas of the server behind one address, on one Redis and with one issuer.
import { randomUUID } from 'node:crypto'
import { openRedisStore } from '@gatehouse/mcp-sessions'
import { openRedisReplicas } from '@gatehouse/replicas'
import { createTokenIssuer, type TokenIssuer } from '@gatehouse/testing'
import { type Front, startFront } from './front.ts'
import { startMcpServer, type TestServer, type TestServerOptions } from './mcp-server.ts'

export interface Replicas extends AsyncDisposable {
  readonly front: Front
  readonly resource: string
  readonly issuer: TokenIssuer
  readonly servers: readonly TestServer[]
  readonly sign: TokenIssuer['sign']
  /** From now on this one answers; without a number each in turn. */
  use(replica?: number): void
}

export interface ReplicasOptions extends Omit<TestServerOptions, 'issuer' | 'store' | 'env'> {
  readonly redisUrl: string
  readonly count?: number
  /** What makes a replica a gateway: its variables. */
  readonly gatewayEnv?: () => Readonly<Record<string, string>>
}

export async function startReplicas({
  redisUrl,
  count = 2,
  gatewayEnv,
  ...options
}: ReplicasOptions): Promise<Replicas> {
  const front = await startFront()
  const issuer = await createTokenIssuer()
  const resource = `${front.origin}/mcp`
  const prefix = `mcp:test-${randomUUID()}:`
  const servers: TestServer[] = []
  for (let i = 0; i < count; i += 1) {
    const store = openRedisStore({ connection: redisUrl, prefix })
    for (
      let tries = 0;
      tries < 100 &&
      !(await store.ping().then(
        () => true,
        () => false,
      ));
      tries += 1
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const env = {
      MCP_RESOURCE_URL: resource,
      MCP_SECRET: 'of all replicas, and long enough to seal with',
      ...gatewayEnv?.(),
    }
    const replicas = gatewayEnv && openRedisReplicas({ connection: redisUrl, prefix })
    servers.push(await startMcpServer({ ...options, issuer, store, replicas, env }))
  }
  let turn = 0
  let chosen: number | undefined
  front.route = () => {
    turn += 1
    return Number(new URL(servers[chosen ?? turn % count]?.origin ?? '').port)
  }
  return {
    front,
    resource,
    issuer,
    servers,
    sign: (claims, signOptions) => issuer.sign({ aud: resource, ...claims }, signOptions),
    use: (replica) => {
      chosen = replica
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
      await front[Symbol.asyncDispose]()
      await issuer[Symbol.asyncDispose]()
    },
  }
}
