import { startTestRedis } from '@gatehouse/testing'
import { bareName } from './client-credentials.ts'
import { imageSettings } from './image-settings.ts'
import { type LoadOptions, measureInRounds, type Subject } from './load.ts'
import type { Say } from './measurement.ts'
import { refresh, type SignIn, signInOnDevices } from './refreshing.ts'
import type { RoundsOptions } from './rounds.ts'
import { type Server, startBareProvider, startGatehouse, terminal } from './servers.ts'
import type { Sample } from './statistics.ts'

const perRefresh: LoadOptions = { unit: 'refresh', plural: 'refreshes', count: 800, atOnce: 8 }

/**
 * A refresh that replaces its token: RFC 6749 §6. Ours answers the old one again for a moment. `node` are options of Node.js
 * for ours.
 */
export async function sampleRefreshes(
  say: Say,
  rounds: RoundsOptions,
  node: readonly string[] = [],
): Promise<Record<string, Sample[]>> {
  say('starting authorization servers')
  await using redis = await startTestRedis()
  await using all = new AsyncDisposableStack()
  const redisUrl = redis.url
  const env = imageSettings(node)
  const bare = all.use(await startBareProvider())
  const ofBare = bare.refreshTokens.map((refreshToken) => ({ clientId: terminal.client_id, refreshToken }))
  const start = async (store: { readonly redisUrl?: string }): Promise<Subject> => {
    const server = all.use(await startGatehouse({ ...store, env }))
    return { ...refreshing(server, await signInOnDevices(server, ofBare.length)), ...store }
  }
  say(`${2 * ofBare.length} people sign in`)
  const subjects = {
    [bareName]: refreshing(bare, ofBare),
    'Gatehouse, SQLite': await start({}),
    'Gatehouse, Redis': await start({ redisUrl }),
  }
  say(`refreshing, ${rounds.warmUp + rounds.rounds} rounds`)
  return await measureInRounds(subjects, perRefresh, rounds)
}

/** One sign-in after the other: nobody has more of them than there are requests at once. */
function refreshing(server: Server, signIns: readonly SignIn[]): Subject {
  const ask = async (number: number) => {
    const signIn = signIns[number % signIns.length]
    if (signIn) await refresh(server, signIn)
  }
  return { pids: [server.pid], ask }
}
