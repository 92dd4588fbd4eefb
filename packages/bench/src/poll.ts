import { setTimeout as wait } from 'node:timers/promises'
import { startTestRedis } from '@gatehouse/testing'
import { Redis } from 'ioredis'
import { askForCodes, type Device, pollEach } from './devices.ts'
import { processorTime } from './kernel.ts'
import type { Measurement } from './measurement.ts'
import { inRounds } from './rounds.ts'
import { type Server, startBareProvider, startGatehouse } from './servers.ts'
import { compare, type Sample } from './statistics.ts'

const POLLS = 1_000
/** Of oidc-provider, which is fast: the kernel counts in hundredths of a second. */
const BARE_POLLS = 4_000
const AT_ONCE = 8
/** The memory of oidc-provider holds so many devices for certain: two entries each, of a thousand. */
const BARE_DEVICES = 250
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
    const some = await askForCodes(bare, BARE_DEVICES)
    const ofBare = Array.from({ length: BARE_POLLS / BARE_DEVICES }, () => some).flat()
    const [ofSqlite, ofRedis] = [await askForCodes(sqlite, POLLS), await askForCodes(redis, POLLS)]
    say(`polling, ${ROUNDS.warmUp + ROUNDS.rounds} rounds of ${POLLS}`)
    const samples = await inRounds(
      {
        'oidc-provider, in memory': () => measure(bare, ofBare),
        'Gatehouse, SQLite': () => measure(sqlite, ofSqlite),
        'Gatehouse, Redis': () => measure(redis, ofRedis, testRedis.url),
      },
      ROUNDS,
    )
    return compare(samples, 'oidc-provider, in memory')
  },
}

async function measure(server: Server, devices: readonly Device[], redisUrl?: string): Promise<Sample> {
  await wait(INTERVAL) // a subject may be the last of a round and the first of the next one
  const storeBefore = await timeOfRedis(redisUrl)
  const [before, began] = [processorTime(server.pid), performance.now()]
  await pollEach(server, devices, AT_ONCE)
  const seconds = (performance.now() - began) / 1_000
  const processor = (processorTime(server.pid) - before) / devices.length
  const ofStore = (await timeOfRedis(redisUrl)) - storeBefore
  return {
    'CPU ms a poll': processor,
    'polls a second': devices.length / seconds,
    ...(redisUrl && { 'CPU ms a poll of Redis': ofStore / devices.length }),
  }
}

/** Milliseconds of processor time that Redis has used so far; 0 without one. */
async function timeOfRedis(url: string | undefined): Promise<number> {
  if (!url) return 0
  const redis = new Redis(url)
  const told = await redis.info('cpu').finally(() => redis.disconnect())
  const seconds = [...told.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, value]) => Number(value))
  return seconds.reduce((sum, value) => sum + value, 0) * 1_000
}
