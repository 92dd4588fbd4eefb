import { startTestRedis } from '@gatehouse/testing'
import { startBetterAuth, startOneSignature } from './beside/token-servers.ts'
import { imageSettings } from './image-settings.ts'
import { type LoadOptions, measureInRounds, type Subject } from './load.ts'
import type { Say } from './measurement.ts'
import type { RoundsOptions } from './rounds.ts'
import { robot, startBareProvider, startGatehouse, type TokenServer } from './servers.ts'
import type { Sample } from './statistics.ts'

const perToken: LoadOptions = { unit: 'token', count: 1_000, atOnce: 8 }
export const bareName = 'oidc-provider, in memory'

/**
 * An access token that a client gets for itself: RFC 6749 §4.4, for a resource, a JWT with ES256. `node` are options of
 * Node.js for ours.
 */
export async function sampleClientCredentials(
  say: Say,
  rounds: RoundsOptions,
  node: readonly string[] = [],
): Promise<Record<string, Sample[]>> {
  say('starting authorization servers')
  await using redis = await startTestRedis()
  await using all = new AsyncDisposableStack()
  const env = imageSettings(node)
  const redisUrl = redis.url
  const ofRedis = async () => all.use(await startGatehouse({ redisUrl, env }))
  const subjects: Readonly<Record<string, Subject & { readonly times?: number }>> = {
    [bareName]: asking(all.use(await startBareProvider())),
    'Gatehouse, SQLite': asking(all.use(await startGatehouse({ env }))),
    'Gatehouse, Redis': { ...asking(await ofRedis()), redisUrl },
    // each of them has as much to compile as one
    'Gatehouse, Redis, two processes': { ...asking(await ofRedis(), await ofRedis()), times: 2 },
    'Better Auth, in memory': asking(all.use(await startBetterAuth())),
    'Fastify, one signature': { ...asking(all.use(await startOneSignature())), times: 2 },
  }
  say(`asking for tokens, ${rounds.warmUp + rounds.rounds} rounds`)
  return await measureInRounds(subjects, perToken, rounds)
}

/** Each of the servers in turn. */
function asking(...servers: readonly TokenServer[]): Subject {
  const ask = async ({ caller, resource, path = '/token', client = robot }: TokenServer) => {
    const { client_id, client_secret } = client
    const form = { grant_type: 'client_credentials', client_id, client_secret, resource, scope: 'mcp:tools:call' }
    const { status, text } = await caller.post(path, form)
    // a JWT: three parts
    if (status !== 200 || JSON.parse(text).access_token?.split('.').length !== 3)
      throw new Error(`No token: ${status} ${text}`)
  }
  return {
    pids: servers.map(({ pid }) => pid),
    ask: async (number) => {
      const server = servers[number % servers.length]
      if (server) await ask(server)
    },
  }
}
