import { setTimeout as wait } from 'node:timers/promises'
import { startTestRedis } from '@gatehouse/testing'
import { askForCodes, pollEach } from './devices.ts'
import { processorTime } from './kernel.ts'
import type { Measurement } from './measurement.ts'
import { inRounds } from './rounds.ts'
import { type Server, startBareProvider, startGatehouse } from './servers.ts'
import { compare, type Sample } from './statistics.ts'

const POLLS = 1_000
const AT_ONCE = 8
/** The memory of oidc-provider holds so many devices for certain: two entries each, of a thousand. */
const BARE_CODES = 250
/** Milliseconds, more than devices are told to wait between two polls. */
const INTERVAL = 1_100
const ROUNDS = { warmUp: 3, rounds: 12 }

/** What a poll costs that is answered with authorization_pending. */
export const poll: Measurement = {
  about: 'what a poll of a device costs for which nobody has decided yet',
  async run(say) {
    say('starting servers')
    await using bare = await startBareProvider()
    await using sqlite = await startGatehouse({ env: { AUTH_HOLD_SECONDS: '0' } })
    await using testRedis = await startTestRedis()
    await using redis = await startGatehouse({ redisUrl: testRedis.url, env: { AUTH_HOLD_SECONDS: '0' } })
    say('asking for codes')
    const bareCodes = await askForCodes(bare, BARE_CODES)
    const codes = Array.from({ length: POLLS }, (_, index) => bareCodes[index % BARE_CODES] ?? '')
    const [sqliteCodes, redisCodes] = [await askForCodes(sqlite, POLLS), await askForCodes(redis, POLLS)]
    say(`polling, ${ROUNDS.warmUp + ROUNDS.rounds} rounds of ${POLLS}`)
    const samples = await inRounds(
      {
        'oidc-provider, in memory': () => measure(bare, codes),
        'Gatehouse, SQLite': () => measure(sqlite, sqliteCodes),
        'Gatehouse, Redis': () => measure(redis, redisCodes),
      },
      ROUNDS,
    )
    return compare(samples, 'oidc-provider, in memory')
  },
}

async function measure(server: Server, codes: readonly string[]): Promise<Sample> {
  await wait(INTERVAL) // a subject may be the last of a round and the first of the next one
  const [before, began] = [processorTime(server.pid), performance.now()]
  await pollEach(server, codes, AT_ONCE)
  const seconds = (performance.now() - began) / 1_000
  return {
    'CPU ms a poll': (processorTime(server.pid) - before) / codes.length,
    'polls a second': codes.length / seconds,
  }
}
